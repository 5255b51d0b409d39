package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"convsync/internal/warehouse"
)

// The log of ids lists the days that may have the conversations of a project,
// so that these days need not be opened. It is a file per year of their start,
// with entries of 12 bytes: the hash of an id, and the day. A conversation that
// is new to a day adds an entry. One that leaves its day does not remove its
// entry: a search on that day does not find it. [contents].IDs has the valid
// size of each file.
const idBytes = 12

// idsFile returns the name of the log of ids of a project and year.
func idsFile(project, year string) string { return idsDir + "/" + projectDir(project) + "/" + year }

// year returns the year of the day in the log of ids.
func (d day) year() string { return fmt.Sprintf("%04d", d.time().Year()) }

func appendID(dst []byte, hash uint64, d day) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(dst, hash), uint32(int32(d)))
}

func writeIDs(w io.Writer, d day, hashes []uint64) error {
	entries := make([]byte, 0, len(hashes)*idBytes)
	for _, h := range hashes {
		entries = appendID(entries, h, d)
	}
	_, err := w.Write(entries)
	return err
}

// eachID calls do with the entries in a log.
func eachID(in io.Reader, do func(hash uint64, d day)) error {
	var entry [idBytes]byte
	for {
		if _, err := io.ReadFull(in, entry[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		do(binary.LittleEndian.Uint64(entry[:]), day(int32(binary.LittleEndian.Uint32(entry[8:]))))
	}
}

// eachStoredID calls do with the valid entries of a file.
func (l *Lake) eachStoredID(project, year string, bytes int64, do func(hash uint64, d day)) error {
	path := l.path(idsFile(project, year))
	f, err := l.files.Open(path)
	if err == nil {
		err = eachID(bufio.NewReaderSize(io.LimitReader(f, bytes), 256<<10), do)
		_ = f.Close() // it is only read
	}
	if err != nil {
		return damaged(path, err)
	}
	return nil
}

// ids adds conversations that are new to their days to the log of ids.
func (c *commit) ids(next *state, project string, came map[day][]uint64) error {
	byYear := map[string]map[day][]uint64{}
	for d, hashes := range came {
		if len(hashes) == 0 {
			continue
		}
		if byYear[d.year()] == nil {
			byYear[d.year()] = map[day][]uint64{}
		}
		byYear[d.year()][d] = hashes
	}
	for year, days := range byYear {
		contents := next.change(project)
		err := c.extendAt(idsFile(project, year), contents.IDs[year], func(w io.Writer) error {
			for d, hashes := range days {
				if err := writeIDs(w, d, hashes); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		contents.IDs[year] += c.last().Bytes
	}
	return nil
}

// idsOf reads the hashes of the ids of a stored partition, by day.
func (r *repair) idsOf(p partition) (map[day][]uint64, error) {
	hashes := map[day][]uint64{}
	err := r.lake.own().scan(r.ctx, p, func(c *warehouse.Conversation) {
		d := dayOf(c.StartedAt)
		hashes[d] = append(hashes[d], warehouse.HashID(c.ConversationID))
	}, "conversation_id", "started_at")
	return hashes, err
}
