package polyai

import "strings"

// Texts stores short texts one after another in a few large blocks, instead of an object
// for each: a conversation has hundreds of them. A text that is in use keeps its block
// alive.
type Texts struct {
	block   strings.Builder // never grows, so that its texts stay where they are
	size    int             // of the next block
	scratch []byte
}

const (
	minBlock = 256
	maxBlock = 16 << 10
)

// Start begins a conversation whose texts have about the given number of bytes.
func (t *Texts) Start(size int) {
	t.block.Reset()
	t.size = min(max(size, minBlock), maxBlock)
}

// Copy returns b as text.
func (t *Texts) Copy(b []byte) string {
	if len(b) > t.block.Cap()-t.block.Len() {
		if len(b) >= t.size/4 { // a new block would waste the rest of this one
			return string(b)
		}
		t.block.Reset()
		t.block.Grow(t.size)
		t.size = max(t.size/2, minBlock)
	}
	from := t.block.Len()
	t.block.Write(b)
	return t.block.String()[from:]
}

// Text is [Value.TextReplaced] with the text in a block.
func (t *Texts) Text(v Value) (text string, replaced bool) {
	if v.Kind() != String {
		return t.Copy(v), false
	}
	inner := v[1 : len(v)-1]
	if isText(inner) {
		return t.Copy(inner), false
	}
	t.scratch, replaced = appendUnquoted(t.scratch[:0], inner)
	return t.Copy(t.scratch), replaced
}
