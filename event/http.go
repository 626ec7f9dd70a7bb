package event

import (
	"iter"
	"strings"
)

// HTTP is the detail of on-http: one request.
type HTTP struct {
	Addr    string // that is listened on, as given
	Method  string // "": there was no request
	Path    string // decoded
	Host    string
	Remote  string // the client's address
	Query   string // as it came
	Params  []Param
	Headers []Param  // names in lower case
	Files   []string // where the parts that are files are, as long as the command runs

	Exchange Exchange // nil: nobody waits for an answer
}

// A Param is a parameter or a header with all of its values.
type Param struct {
	Name   string
	Values []string
}

// An Exchange is what goes on between a client and a command.
type Exchange interface {
	Carrier
	Releaser
	Call
	// Gone reports whether the client has gone. Any goroutine may ask.
	Gone() bool
}

// Kind returns KindHTTP.
func (HTTP) Kind() Kind { return KindHTTP }

// Subject returns the method and the path.
func (d HTTP) Subject() string {
	if d.Method == "" {
		return d.Addr
	}
	return d.Method + " " + d.Path
}

// What says whose request it is, and if the client has gone.
func (d HTTP) What() string {
	switch {
	case d.Method == "":
		return ""
	case d.gone():
		return "from " + d.Remote + ", gone"
	}
	return "from " + d.Remote
}

// Fields yields the fields of on-http, each parameter's as param.NAME, each
// header's as header.NAME.
func (d HTTP) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		ok := yield("method", Word(d.Method)) &&
			yield("path", Word(d.Path)) &&
			yield("host", Word(d.Host)) &&
			yield("remote", Word(d.Remote)) &&
			yield("query", Text(d.Query)) &&
			yield("gone", Bool(d.gone())) &&
			yield("files", Paths(d.Files))
		for _, p := range d.Params {
			ok = ok && yield(paramPrefix+p.Name, Repeated(p.Values))
		}
		for _, h := range d.Headers {
			ok = ok && yield(headerPrefix+h.Name, Repeated(h.Values))
		}
	}
}

const (
	paramPrefix  = "param."
	headerPrefix = "header."
	headerBytes  = "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // of a header that is a variable
)

// Lookup knows every parameter and every header: of one that did not come the value
// is unknown. The case of a header's name does not matter.
func (d HTTP) Lookup(name string) (Value, bool) {
	param, isParam := strings.CutPrefix(name, paramPrefix)
	header, isHeader := strings.CutPrefix(name, headerPrefix)
	for _, p := range d.Params {
		if isParam && p.Name == param {
			return Repeated(p.Values), true
		}
	}
	for _, h := range d.Headers {
		if isHeader && strings.EqualFold(h.Name, header) {
			return Repeated(h.Values), true
		}
	}
	return Value{}, isParam || isHeader
}

// Merge returns newer: one request says nothing of another.
func (HTTP) Merge(newer Detail) Detail { return newer }

// Payload is the body, and the way to the client.
func (d HTTP) Payload(sep byte) Payload {
	if d.Exchange == nil {
		return Payload{}
	}
	return d.Exchange.Payload(sep)
}

// Release closes ev's end of the way to the client.
func (d HTTP) Release() {
	if d.Exchange != nil {
		d.Exchange.Release()
	}
}

// Begin is [Call]'s.
func (d HTTP) Begin(stop func()) bool { return d.Exchange == nil || d.Exchange.Begin(stop) }

// Answer is [Call]'s.
func (d HTTP) Answer(a Answer) {
	if d.Exchange != nil {
		d.Exchange.Answer(a)
	}
}

func (d HTTP) gone() bool { return d.Exchange != nil && d.Exchange.Gone() }
