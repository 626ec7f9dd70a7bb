package fd

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
)

type piece struct {
	text    string
	partial bool
}

// split gives the stream to a splitter in chunks of the given sizes, over and over, in one buffer
// that is overwritten each time.
func split(s *splitter, stream []byte, sizes []byte, keep bool) []piece {
	var got []piece
	buf := make([]byte, 256)
	for i := 0; len(stream) > 0; i++ {
		n := 1
		if len(sizes) > 0 {
			n += int(sizes[i%len(sizes)])
		}
		n = copy(buf, stream[:min(n, len(stream), len(buf))])
		stream = stream[n:]
		s.add(buf[:n])
		for {
			rec, partial, ok := s.next()
			if !ok {
				break
			}
			got = append(got, piece{string(rec), partial})
			if keep {
				s.keep()
				for i := range buf {
					buf[i] = '#'
				}
			}
		}
		for i := range buf {
			buf[i] = '#'
		}
	}
	if rec, ok := s.last(); ok {
		got = append(got, piece{string(rec), false})
	}
	return got
}

func TestLongRecordsComeInPieces(t *testing.T) {
	tests := []struct {
		in   string
		want []piece
	}{
		{"", nil},
		{"\n", []piece{{"", false}}},
		{"\n\n", []piece{{"", false}, {"", false}}},
		{"abcd\n", []piece{{"abcd", false}}},
		{"abcd", []piece{{"abcd", false}}},
		{"abcde", []piece{{"abcd", true}, {"e", false}}},
		{"abcdefgh\nx", []piece{{"abcd", true}, {"efgh", false}, {"x", false}}},
		{"abcdefghi\n\n", []piece{{"abcd", true}, {"efgh", true}, {"i", false}, {"", false}}},
	}
	for _, tt := range tests {
		for size := range 12 {
			s := &splitter{sep: '\n', limit: 4}
			if got := split(s, []byte(tt.in), []byte{byte(size)}, false); !slices.Equal(got, tt.want) {
				t.Errorf("%q in chunks of %d: %v, want %v", tt.in, size+1, got, tt.want)
			}
		}
	}
}

func TestLongRecordsMemoryIsGivenBack(t *testing.T) {
	s := &splitter{sep: '\n', limit: 1 << 20}
	chunk := bytes.Repeat([]byte("x"), keepHead)
	for range 8 {
		s.add(chunk)
		s.next()
	}
	s.add([]byte("\n"))
	if rec, _, ok := s.next(); !ok || len(rec) != 8*keepHead {
		t.Fatalf("a record of %d bytes, want %d", len(rec), 8*keepHead)
	}
	if cap(s.head) > keepHead {
		t.Errorf("%d bytes kept", cap(s.head))
	}
}

// FuzzSplitter: whatever the chunking, the records are those of bufio.Scanner, and the pieces of
// those over the limit join to the record.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), []byte{0, 3}, uint8(2), false)
	f.Add([]byte("\n\n\n"), []byte{}, uint8(0), true)
	f.Add([]byte(strings.Repeat("long", 99)+"\nx\n"), []byte{7, 0, 200}, uint8(30), true)
	f.Fuzz(func(t *testing.T, stream, sizes []byte, limit uint8, keep bool) {
		var want []string
		sc := bufio.NewScanner(bytes.NewReader(stream))
		sc.Buffer(nil, len(stream)+1)
		sc.Split(func(data []byte, atEOF bool) (int, []byte, error) {
			if i := bytes.IndexByte(data, '\n'); i >= 0 {
				return i + 1, data[:i], nil // unlike ScanLines, this keeps '\r'
			}
			if atEOF && len(data) > 0 {
				return len(data), data, nil
			}
			return 0, nil, nil
		})
		for sc.Scan() {
			want = append(want, sc.Text())
		}
		s := &splitter{sep: '\n', limit: 1 + int(limit)}
		var got []string
		begun := false
		for _, p := range split(s, stream, sizes, keep) {
			if len(p.text) > s.limit || p.partial && len(p.text) < s.limit {
				t.Fatalf("a piece of %d bytes with a limit of %d, partial %t", len(p.text), s.limit, p.partial)
			}
			if begun {
				got[len(got)-1] += p.text
			} else {
				got = append(got, p.text)
			}
			begun = p.partial
		}
		if begun || !slices.Equal(got, want) {
			t.Fatalf("%q\n got %q\nwant %q", stream, got, want)
		}
		if s.left() != 0 {
			t.Fatalf("%d bytes left over", s.left())
		}
	})
}

// What reach says is what next takes: no byte of the record after the last one, and all of those
// before it.
func TestReach(t *testing.T) {
	for _, tt := range []struct {
		head, chunk string
		records     int
		want        string
	}{
		{"", "a\nb\nc\n", 1, "a\n"},
		{"", "a\nb\nc\n", 2, "a\nb\n"},
		{"", "a\nb\nc", 3, "a\nb\nc"},
		{"", "a\n", 9, "a\n"},
		{"", "\n\n", 1, "\n"},
		{"abc", "d\ne\n", 1, "d\n"},
		{"", "abcd\ne\n", 1, "abcd\n"}, // as long as may be
		{"", "abcdefg\nh", 1, "abcd"},  // a piece
		{"", "abcdefg\nh", 2, "abcdefg\n"},
		{"abcd", "e\nf\n", 2, "e\n"}, // the head is a piece by itself
	} {
		s := splitter{sep: '\n', limit: 4}
		s.add([]byte(tt.head))
		for _, _, ok := s.next(); ok; _, _, ok = s.next() {
			t.Fatal("the head is no head")
		}
		if got := tt.chunk[:s.reach([]byte(tt.chunk), tt.records)]; got != tt.want {
			t.Errorf("%q after %q, %d records: %q, want %q", tt.chunk, tt.head, tt.records, got, tt.want)
		}
	}
}
