package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/socket"
)

// patience is how long, in seconds, an answer may take: a loop never needs that long, unless it has
// been stopped.
const patience = 10

// A Client speaks to a Server. It blocks: it is not for use on a loop.
type Client struct {
	file  *os.File
	lines *bufio.Reader
}

// Dial connects to the socket at path, if that is the user's own, or root's: what others say is not
// to be believed.
func Dial(path string) (*Client, error) {
	fd, err := socket.Dial(path)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%s: no ev run listens there: start it with --control", path)
	case err != nil:
		return nil, err
	}
	if err := socket.CheckPeer(fd); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &Client{file: os.NewFile(uintptr(fd), path)}
	c.lines = bufio.NewReader(c.file)
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() { _ = c.file.Close() }

// Do sends a request, and returns the reply, as the line that came as well. The error, if there is
// a reply, is what that says.
func (c *Client) Do(r Request) (Reply, []byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return Reply{}, nil, err
	}
	if _, err := c.file.Write(append(line, '\n')); err != nil {
		return Reply{}, nil, err
	}
	c.limit(patience)
	line, err = c.Next()
	c.limit(0)
	if err != nil {
		return Reply{}, nil, err
	}
	var reply Reply
	if err := json.Unmarshal(line, &reply); err != nil {
		return Reply{}, nil, fmt.Errorf("%s: the answer is not ev's: %w", c.file.Name(), err)
	}
	if !reply.OK {
		return reply, line, errors.New(reply.Error)
	}
	return reply, line, nil
}

// Next returns the next line, with its end: after Events an event, or the Reply that is the last.
// It is JSON, and can be printed: what a terminal would obey is escaped. The error is io.EOF when
// ev has ended.
func (c *Client) Next() ([]byte, error) {
	line, err := c.lines.ReadBytes('\n')
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, fmt.Errorf("%s: no answer within %d seconds: has ev been stopped?", c.file.Name(), patience)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case !json.Valid(line):
		return nil, fmt.Errorf("%s: the answer is not ev's", c.file.Name())
	}
	return Printable(line), nil
}

// Printable returns a line of JSON that means the same, without control characters and what is not
// UTF-8. In JSON they stand in strings, but for the white space between its words.
func Printable(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	if utf8.Valid(line) && !bytes.ContainsFunc(line, unicode.IsControl) {
		return line[:len(line)+1]
	}
	b := make([]byte, 0, len(line)+16)
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case r < ' ':
			b = append(b, ' ')
		case unicode.IsControl(r), r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, line[:size]...)
		}
		line = line[size:]
	}
	return append(b, '\n')
}

func (c *Client) limit(seconds int64) {
	fd := int(c.file.Fd())
	t := unix.NsecToTimeval(seconds * 1e9)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t)
}
