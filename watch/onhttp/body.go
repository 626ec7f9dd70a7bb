package onhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evshell/ev/event"
)

const (
	// bodyInMemory is how much of a body is held in memory: a larger one goes to a file.
	bodyInMemory = 64 << 10
	// paramsMost is how many parameters a request may have.
	paramsMost = 1000
)

// A body is a request's body, read to its end, and the files that were in it.
type body struct {
	data []byte
	path string // of the file that has it; "": data is all
	dir  string // that its files are in; "": there are none
}

// read reads all of src.
func (b *body) read(src io.Reader) error {
	var err error
	if b.data, err = io.ReadAll(io.LimitReader(src, bodyInMemory)); err != nil || len(b.data) < bodyInMemory {
		return err
	}
	b.path, err = b.store("body", io.MultiReader(bytes.NewReader(b.data), src))
	b.data = nil
	return err
}

// store writes src to a file that is the request's own.
func (b *body) store(name string, src io.Reader) (path string, err error) {
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "ev-http-"); err != nil {
			return "", err
		}
	}
	path = filepath.Join(b.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(f, src); err != nil {
		_ = f.Close()
		return "", err
	}
	return path, f.Close()
}

// remove removes the files.
func (b *body) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// open opens the body once more.
func (b *body) open() (io.ReadCloser, error) {
	if b.path == "" {
		return io.NopCloser(bytes.NewReader(b.data)), nil
	}
	return os.Open(b.path)
}

// bytes returns the whole body.
func (b *body) bytes() ([]byte, error) {
	if b.path == "" {
		return b.data, nil
	}
	return os.ReadFile(b.path)
}

// params returns the parameters of a request, sorted by name: those in the body first,
// then those in the query, whichever method brought them.
func (b *body) params(r *http.Request, lift bool) (list []event.Param, files []string, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, nil, unreadable("query", err)
	}
	values := url.Values{}
	switch kind, attributes, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case kind == "application/x-www-form-urlencoded":
		values, err = b.form()
	case kind == "multipart/form-data":
		values, files, err = b.multipart(attributes["boundary"])
	case lift && (kind == "application/json" || strings.HasSuffix(kind, "+json")):
		values, err = b.lift()
	}
	if err != nil {
		return nil, nil, err
	}
	for name, more := range query {
		values[name] = append(values[name], more...)
	}
	n := 0
	for _, all := range values {
		if n += max(len(all), 1); n > paramsMost {
			return nil, nil, tooManyParams()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !utf8.ValidString(name) {
			return nil, nil, refuse(http.StatusBadRequest, "the parameter %q has a name that is not UTF-8", name)
		}
		list = append(list, event.Param{Name: name, Values: values[name]})
	}
	return list, files, checkVariables(list)
}

// checkVariables refuses parameters that a command could not tell apart: a-b and a_b,
// or x_1 and the first of two x, when the one may be signed and the other not. And it
// refuses what neither a variable nor an argument can hold.
func checkVariables(list []event.Param) error {
	seen := map[string]bool{}
	for _, v := range (event.Event{Detail: event.HTTP{Params: list}}).Environ() {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case seen[name]:
			return refuse(http.StatusBadRequest, "more than one parameter would be $%s", name)
		case strings.IndexByte(value, 0) >= 0:
			return refuse(http.StatusBadRequest, "the parameter $%s has a NUL in it", name)
		}
		seen[name] = true
	}
	return nil
}

func tooManyParams() error {
	return refuse(http.StatusBadRequest, "there are more than %d parameters", paramsMost)
}

// form reads a body of the type application/x-www-form-urlencoded.
func (b *body) form() (url.Values, error) {
	text, err := b.bytes()
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the form can't be read: %v: what is none should have another Content-Type, as application/octet-stream", err)
	}
	return values, nil
}

// multipart reads a body of the type multipart/form-data. What is a file goes to one,
// and its parameter is the file's path.
func (b *body) multipart(boundary string) (values url.Values, files []string, err error) {
	if boundary == "" {
		return nil, nil, refuse(http.StatusBadRequest, "a multipart form without a boundary")
	}
	text, err := b.open()
	if err != nil {
		return nil, nil, err
	}
	defer text.Close()
	values = url.Values{}
	parts := multipart.NewReader(text, boundary)
	for n := 1; ; n++ {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF: //nolint:errorlint // an EOF within a part is no end
			return values, files, nil
		case err != nil:
			return nil, nil, unreadable("form", err)
		case n > paramsMost:
			return nil, nil, tooManyParams()
		}
		var value string
		if part.FileName() == "" {
			var content []byte
			content, err = io.ReadAll(part)
			value = string(content)
		} else {
			value, err = b.store(fmt.Sprintf("%d-%s", n, plainName(part.FileName())), part)
			files = append(files, value)
		}
		if err != nil {
			return nil, nil, unreadable("form", err)
		}
		if name := part.FormName(); name != "" {
			values[name] = append(values[name], value)
		}
	}
}

// unreadable says why what a client has sent can't be taken apart, unless that is not
// the client's fault.
func unreadable(what string, err error) error {
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return err
	}
	return refuse(http.StatusBadRequest, "the %s can't be read: %v", what, err)
}

// plainName is what is left of a file's name for a file of that name to be nothing
// but a file.
func plainName(s string) string {
	const most = 100
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
	return s[max(0, len(s)-most):]
}

// lift returns the fields of the object that a JSON body is; of another one, none. A
// list is all that it has; what is a list or an object in that, or a field's value, is
// JSON.
func (b *body) lift() (url.Values, error) {
	text, err := b.bytes()
	if err != nil {
		return nil, err
	}
	values := url.Values{}
	if !json.Valid(text) {
		return nil, refuse(http.StatusBadRequest, "the body is no JSON")
	}
	fields := json.NewDecoder(bytes.NewReader(text))
	if open, _ := fields.Token(); open != json.Delim('{') {
		return values, nil
	}
	for n := 0; fields.More(); {
		name, _ := fields.Token()
		var field json.RawMessage
		_ = fields.Decode(&field)
		var list []string
		for item := range items(field) {
			if list = append(list, plainText(item)); len(list) > paramsMost {
				return nil, tooManyParams()
			}
		}
		if n += max(len(list), 1); n > paramsMost {
			return nil, tooManyParams()
		}
		values[name.(string)] = list
	}
	return values, nil
}

// items yields what is in a JSON list, none of null, and of anything else itself.
func items(field json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		switch field[0] {
		case 'n':
		case '[':
			list := json.NewDecoder(bytes.NewReader(field))
			_, _ = list.Token()
			for list.More() {
				var item json.RawMessage
				if _ = list.Decode(&item); !yield(item) {
					return
				}
			}
		default:
			yield(field)
		}
	}
}

// plainText is a JSON value as people write it: a string without its quotes, nothing
// for null.
func plainText(item json.RawMessage) string {
	switch item[0] {
	case 'n':
		return ""
	case '"':
		var s string
		_ = json.Unmarshal(item, &s)
		return s
	case '{', '[':
		var b bytes.Buffer
		_ = json.Compact(&b, item)
		return b.String()
	}
	return string(item)
}
