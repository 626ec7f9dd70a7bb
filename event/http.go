package event

import (
	"iter"
	"strings"
)

// HTTP is the detail of on-http: one request.
type HTTP struct {
	Addr          string // that is listened on, as given
	Method        string // "": there was no request
	Path          string // decoded
	Host          string
	Remote        string // the client's address
	User          string // who has logged in, by password or certificate
	ClientSubject string // of the client's certificate, a distinguished name as RFC 2253 writes it; empty: it has shown none
	Query         string // as it came
	Params        []Param
	Headers       []Param  // names in lower case
	Files         []string // where the parts that are files are, as long as the command runs
	Names         []Param  // what these were called, by the parameter
	Types         []Param  // and of which type they are

	JSON   *JSON    // the body, if it is to be that
	Wanted []string // variables of fields in it that the command wants: EV_JSON_HEAD_REF
	CGI    []string // variables that a CGI script gets besides (RFC 3875)

	Exchange Exchange // nil: nobody waits for an answer
	Gone     bool     // the client had gone before this was emitted; of later its Exchange knows
	Accepted bool     // somebody has been told, or will be at once, that it is dealt with
}

// A Param is a parameter or a header with all of its values.
type Param struct {
	Name   string
	Values []string
	// Deep says that there are objects or lists among the values: only the first of them is a
	// variable.
	Deep bool
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

// Fields yields the fields of on-http, each parameter's as param.NAME, each header's as
// header.NAME.
func (d HTTP) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		ok := yield("method", Word(d.Method)) &&
			yield("path", Word(d.Path)) &&
			yield("host", Word(d.Host)) &&
			yield("remote", Word(d.Remote)) &&
			yield("user", Word(d.User)) &&
			yield("client_subject", Word(d.ClientSubject)) &&
			yield("query", Text(d.Query)) &&
			yield("gone", Bool(d.gone())) &&
			yield("files", Paths(d.Files))
		for _, p := range d.Params {
			ok = ok && yield(paramPrefix+p.Name, p.value())
		}
		for _, f := range d.Names {
			ok = ok && yield(filenamePrefix+f.Name, f.value())
		}
		for _, f := range d.Types {
			ok = ok && yield(typePrefix+f.Name, f.value())
		}
		for _, h := range d.Headers {
			ok = ok && yield(headerPrefix+h.Name, h.value())
		}
	}
}

func (p Param) value() Value {
	v := Repeated(p.Values)
	v.deep = p.Deep
	return v
}

const (
	paramPrefix    = "param."
	headerPrefix   = "header."
	filenamePrefix = "filename."
	typePrefix     = "type."
	jsonPrefix     = "json."
	headerBytes    = "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // of a header that is a variable
)

// Lookup knows every parameter, every header and, where the body is JSON, every field of that: of
// one that did not come the value is unknown. The case of a header's name does not matter.
func (d HTTP) Lookup(name string) (Value, bool) {
	kind, rest, _ := strings.Cut(name, ".")
	switch kind + "." {
	case jsonPrefix:
		if d.JSON == nil {
			return Value{}, false
		}
		return d.JSON.Lookup(rest), true
	case paramPrefix:
		return find(d.Params, rest)
	case filenamePrefix:
		return find(d.Names, rest)
	case typePrefix:
		return find(d.Types, rest)
	case headerPrefix:
		return find(d.Headers, strings.ToLower(rest))
	}
	return Value{}, false
}

func find(list []Param, name string) (Value, bool) {
	for _, p := range list {
		if p.Name == name {
			return p.value(), true
		}
	}
	return Value{}, true
}

// Variables yields what is in a command's environment besides the fields.
func (d HTTP) Variables() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range d.Wanted {
			if d.JSON == nil {
				return
			}
			if v, err := d.JSON.variable(name); err == nil && !yield(name+"="+v.String()) {
				return
			}
		}
		for _, v := range d.CGI {
			if !yield(v) {
				return
			}
		}
	}
}

// Ambiguous says which of the wanted variables would be more than one field.
func (d HTTP) Ambiguous() error {
	for _, name := range d.Wanted {
		if _, err := d.JSON.variable(name); err != nil {
			return err
		}
	}
	return nil
}

// Owns reports whether a variable of this name says something of the request, whichever request it
// is: nobody else's may pass for it.
func (d HTTP) Owns(variable string) bool {
	rest, own := strings.CutPrefix(variable, "EV_")
	if !own {
		return d.CGI != nil && ownedByCGI(variable)
	}
	kind, _, named := strings.Cut(rest, "_")
	switch kind {
	case "PARAM", "HEADER", "JSON", "FILENAME", "TYPE":
		return named
	}
	return false
}

// ownedByCGI reports whether a variable is one of RFC 3875's.
func ownedByCGI(name string) bool {
	switch name {
	case "AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "HTTPS", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING",
		"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_PORT", "REMOTE_USER", "REQUEST_METHOD", "REQUEST_URI", "SCRIPT_NAME",
		"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE":
		return true
	}
	return strings.HasPrefix(name, "HTTP_")
}

// Merge returns newer: one request says nothing of another.
func (d HTTP) Merge(newer Detail) Detail {
	n := newer.(HTTP)
	n.Accepted = n.Accepted || d.Accepted || d.Exchange != nil // which is told that it was merged
	return n
}

// Promised is [Promise]'s.
func (d HTTP) Promised() bool { return d.Accepted }

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

func (d HTTP) gone() bool { return d.Gone || d.Exchange != nil && d.Exchange.Gone() }
