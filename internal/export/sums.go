package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// sumsFile lists all files of an export but itself, for `sha256sum -c`.
const sumsFile = "SHA256SUMS"

// sumsEscapes is how coreutils writes special characters of a name. A line with one
// begins with a backslash.
var (
	sumsEscapes   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	sumsUnescapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// writeSums writes one line per file.
func writeSums(w io.Writer, files []File) error {
	b := bufio.NewWriter(w)
	for i := range files {
		name, escape := sumsEscapes.Replace(files[i].Path), ""
		if name != files[i].Path {
			escape = `\`
		}
		if _, err := fmt.Fprintf(b, "%s%s  %s\n", escape, files[i].SHA256, name); err != nil {
			return err
		}
	}
	return b.Flush()
}

const (
	sumLength   = 64      // hexadecimal digits of SHA-256
	longestLine = 1 << 16 // of a list of sums
)

// readSums reads what [writeSums] or sha256sum wrote. Sizes are -1.
func readSums(r io.Reader) ([]File, error) {
	var files []File
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		line, escaped := strings.CutPrefix(lines.Text(), `\`)
		if len(line) < sumLength+3 || !isSum(line[:sumLength]) || line[sumLength] != ' ' || line[sumLength+1] != ' ' && line[sumLength+1] != '*' {
			return nil, fmt.Errorf("line %d is not a line of sha256sum", n)
		}
		name := line[sumLength+2:]
		if escaped {
			name = sumsUnescapes.Replace(name)
		}
		files = append(files, File{Path: name, SHA256: strings.ToLower(line[:sumLength]), Bytes: -1})
	}
	return files, lines.Err()
}

func isSum(text string) bool {
	return len(text) == sumLength && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
