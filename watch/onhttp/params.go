package onhttp

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evshell/ev/event"
)

const (
	// paramsMost is how many parameters a request may have.
	paramsMost = 1000
	typeOfForm = "application/x-www-form-urlencoded"
)

// parsed is what a body has turned out to be.
type parsed struct {
	values       url.Values
	deep         map[string]bool // parameters with objects or lists in them
	files        []string
	names, types url.Values // of those
	json         *event.JSON
}

// parse takes the body and the query apart.
func (x *exchange) parse(r *http.Request, withoutQuery bool) error {
	w, d := x.watcher, &x.detail
	if x.body.size == 0 && (r.URL.RawQuery == "" || withoutQuery) && !w.opts.JSONBody {
		return nil
	}
	w.opts.Hub.processors <- struct{}{}
	defer func() { <-w.opts.Hub.processors }()
	query := ""
	if !withoutQuery {
		query = r.URL.RawQuery
	}
	p, list, err := x.body.params(r.Header.Get("Content-Type"), query, &w.opts)
	if err != nil {
		return err
	}
	d.Params, d.Files, d.Names, d.Types, d.JSON, d.Wanted = list, p.files, sortedParams(p.names, nil), sortedParams(p.types, nil), p.json, w.opts.Wanted
	if w.opts.Handed {
		if err := checkVariables(*d); err != nil {
			return err
		}
	}
	if d.JSON != nil {
		if err := d.Ambiguous(); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	}
	return nil
}

// params returns the parameters of a request, sorted by name: those in the body first, then those
// in the query, whichever method brought them.
func (b *body) params(contentType, rawQuery string, o *Options) (p parsed, list []event.Param, err error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return p, nil, unreadable("query", err)
	}
	p.values = url.Values{}
	switch kind, attributes, _ := mime.ParseMediaType(contentType); {
	case o.JSONBody:
		err = b.lift(&p)
	case kind == typeOfForm:
		p.values, err = b.form()
	case kind == "multipart/form-data":
		err = b.multipart(attributes["boundary"], o.MaxForm, &p)
	}
	if err != nil {
		return p, nil, err
	}
	for name, more := range query {
		p.values[name] = append(p.values[name], more...)
	}
	n := 0
	for name, all := range p.values {
		if p.json != nil && query[name] == nil {
			n++ // the length of a list in JSON is bounded by that of the body
		} else {
			n += max(len(all), 1)
		}
		if n > paramsMost {
			return p, nil, tooManyParams()
		}
		if !utf8.ValidString(name) {
			return p, nil, refuse(http.StatusBadRequest, "the parameter %q has a name that is not UTF-8", name)
		}
	}
	return p, sortedParams(p.values, p.deep), nil
}

func sortedParams(values url.Values, deep map[string]bool) []event.Param {
	if len(values) == 0 {
		return nil
	}
	list := make([]event.Param, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, event.Param{Name: name, Values: values[name], Deep: deep[name]})
	}
	return list
}

// checkVariables refuses parameters that a command could not tell apart: a-b and a_b, or x_1 and
// the first of two x, when the one may be signed and the other not. And it refuses what neither a
// variable nor an argument can hold.
func checkVariables(d event.HTTP) error {
	seen := map[string]bool{}
	d = event.HTTP{Params: d.Params, Names: d.Names, Types: d.Types}
	for _, v := range (event.Event{Detail: d}).Environ() {
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

// multipart reads a body of the type multipart/form-data. What is a file goes to one, and its
// parameter is the file's path. What is text is held in memory: most says how much.
func (b *body) multipart(boundary string, most int, p *parsed) error {
	if boundary == "" {
		return refuse(http.StatusBadRequest, "a multipart form without a boundary")
	}
	text, err := b.open()
	if err != nil {
		return err
	}
	defer text.Close()
	p.names, p.types = url.Values{}, url.Values{}
	parts := multipart.NewReader(text, boundary)
	for n := 1; ; n++ {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF: //nolint:errorlint // an EOF within a part is no end
			return nil
		case err != nil:
			return unreadable("form", err)
		case n > paramsMost:
			return tooManyParams()
		}
		var value string
		if part.FileName() == "" {
			var content []byte
			if content, err = io.ReadAll(io.LimitReader(part, int64(most)+1)); len(content) > most {
				return refuse(http.StatusRequestEntityTooLarge, "the form has more text than may be: put it into files")
			}
			value, most = string(content), most-len(content)
		} else {
			value, err = b.store(fmt.Sprintf("%d-%s", n, plainName(part.FileName())), part)
			p.files = append(p.files, value)
			if name := part.FormName(); name != "" {
				p.names[name] = append(p.names[name], part.FileName())
				p.types[name] = append(p.types[name], part.Header.Get("Content-Type"))
			}
		}
		if err != nil {
			return unreadable("form", err)
		}
		if name := part.FormName(); name != "" {
			p.values[name] = append(p.values[name], value)
		}
	}
}

// unreadable says why what a client has sent can't be taken apart, unless that is not the client's
// fault.
func unreadable(what string, err error) error {
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return err
	}
	return refuse(http.StatusBadRequest, "the %s can't be read: %v", what, err)
}

// plainName is what is left of a file's name for a file of that name to be nothing but a file.
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

// lift reads a body that is JSON, whatever its type says. The fields of an object are parameters; a
// list is all that it has; what is a list or an object in that, or a field's value, is JSON.
func (b *body) lift(p *parsed) error {
	text, err := b.bytes()
	if err != nil {
		return err
	}
	if b.size == 0 {
		text = []byte("null") // there is no body, and all fields are unknown
	}
	if p.json, err = event.ParseJSON(text); err != nil {
		return refuse(http.StatusBadRequest, "the body is not JSON").by("--json-body")
	}
	p.deep = map[string]bool{}
	for name, value := range p.json.Fields() {
		values, deep := event.JSONList(value)
		p.values[name] = values
		if deep {
			p.deep[name] = true
		}
	}
	return nil
}
