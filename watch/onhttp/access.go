package onhttp

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/span"
)

// A seen is a request that has got its answer.
type seen struct {
	began  time.Time
	took   time.Duration
	remote string
	user   string
	note   string // why it is no event, or what became of it
}

// tell tells of a request, to whom it may concern.
func (w *Watcher) tell(r *http.Request, a *reply, s seen) {
	w.traffic.count(a.status, s.took)
	if w.access != nil {
		w.access.write(r, a, s)
	}
	if !w.opts.Report.Enabled(report.Verbose) {
		return
	}
	// The path stands as it came, so that it is one word.
	text := fmt.Sprintf("%s %s %d %d bytes in %s from %s", r.Method, r.URL.EscapedPath(), a.status, a.bytes,
		span.Format(s.took.Round(time.Microsecond)), s.remote)
	if s.note != "" {
		text += ": " + s.note
	}
	w.opts.Report.Facts(report.Verbose, text,
		report.Fact{Name: "method", Value: r.Method}, report.Fact{Name: "path", Value: r.URL.Path}, report.Fact{Name: "host", Value: r.Host},
		report.Fact{Name: "remote", Value: s.remote}, report.Fact{Name: "status", Value: a.status}, report.Fact{Name: "bytes", Value: a.bytes},
		report.Fact{Name: "took", Value: s.took.Seconds()}, report.Fact{Name: "note", Value: s.note})
}

// refusals tells why requests are refused, at most once a second and reason. Under -v each request
// is told anyway.
type refusals struct {
	report *report.Reporter
	mu     sync.Mutex
	last   map[string]time.Time
	since  map[string]int // how many have not been told
}

func (t *refusals) tell(r *http.Request, why *refusal, remote string) {
	if t.report.Enabled(report.Verbose) {
		return
	}
	const most = 100 // reasons, some of which have a client's words in them
	key := strconv.Itoa(why.status) + why.flag
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.last[key]) >= time.Second {
		if t.last == nil || len(t.last) > most {
			t.last, t.since = map[string]time.Time{}, map[string]int{}
		}
		text := fmt.Sprintf("%s %s from %s is refused, %d: %v", r.Method, r.URL.EscapedPath(), remote, why.status, why)
		if n := t.since[key]; n > 0 {
			text += fmt.Sprintf(" (and so were %d others)", n)
		}
		t.report.Noticef("%s", text)
		t.last[key], t.since[key] = now, 0
		return
	}
	t.since[key]++
}

// An accessLog is a file with a line for each request. A file that has been moved away is left
// alone: the next line begins a new one.
type accessLog struct {
	path   string
	json   bool
	report *report.Reporter

	mu     sync.Mutex
	file   *os.File
	looked time.Time
	told   bool // that it can't be written to
}

func newAccessLog(o Options) (*accessLog, error) {
	l := &accessLog{path: o.AccessLog, json: o.AccessJSON, report: o.Report}
	if l.path == "-" {
		l.file = os.Stdout
		return l, nil
	}
	return l, l.open()
}

func (l *accessLog) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file = f
	return nil
}

// follow opens the file anew if it is another's now.
func (l *accessLog) follow() {
	now := time.Now()
	if l.path == "-" || now.Sub(l.looked) < time.Second {
		return
	}
	l.looked = now
	ours, err := l.file.Stat()
	named, err2 := os.Stat(l.path)
	if err == nil && err2 == nil && os.SameFile(ours, named) {
		return
	}
	if err := l.open(); err != nil {
		l.fail(err)
	}
}

func (l *accessLog) fail(err error) {
	if !l.told {
		l.told = true
		l.report.Errorf("--access-log: %v; requests are not logged until that is mended", err)
	}
}

func (l *accessLog) write(r *http.Request, a *reply, s seen) {
	var line []byte
	if l.json {
		line = l.object(r, a, s)
	} else {
		line = combined(r, a, s)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	if _, err := l.file.Write(line); err != nil {
		l.fail(err)
		return
	}
	l.told = false
}

// combined is the Combined Log Format of Apache and nginx. Whatever a client sends, it is one line,
// and what is in quotes stays there.
func combined(r *http.Request, a *reply, s seen) []byte {
	remote, _, found := strings.Cut(s.remote, ":")
	if at, ok := parseNode(s.remote); ok {
		remote = at.String()
	} else if found {
		remote = s.remote
	}
	b := fmt.Appendf(nil, "%s - %s [%s] ", orDash(remote), quoteless(orDash(s.user)), s.began.Format("02/Jan/2006:15:04:05 -0700"))
	b = appendQuoted(b, r.Method+" "+r.RequestURI+" "+r.Proto)
	b = fmt.Appendf(b, " %d %s ", a.status, bytesOrDash(a.bytes))
	b = appendQuoted(b, orDash(r.Referer()))
	b = append(b, ' ')
	b = appendQuoted(b, orDash(r.UserAgent()))
	return append(b, '\n')
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func bytesOrDash(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// quoteless is a word without what would end it.
func quoteless(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '"' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// appendQuoted appends s as Apache does: \xHH for what is no printable ASCII, and \" \\.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 0x7f:
			b = fmt.Appendf(b, "\\x%02x", c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (l *accessLog) object(r *http.Request, a *reply, s seen) []byte {
	b := []byte(`{"time":`)
	add := func(name, value string) {
		b = append(b, ',')
		b = event.AppendJSONString(b, name)
		b = append(b, ':')
		b = event.AppendJSONString(b, value)
	}
	b = event.AppendJSONString(b, s.began.Format(time.RFC3339Nano))
	add("remote", s.remote)
	add("user", s.user)
	add("method", r.Method)
	add("uri", r.RequestURI)
	add("proto", r.Proto)
	add("host", r.Host)
	add("referer", r.Referer())
	add("user_agent", r.UserAgent())
	add("note", s.note)
	b = fmt.Appendf(b, `,"status":%d,"bytes":%d,"took":%s}`, a.status, a.bytes, strconv.FormatFloat(s.took.Seconds(), 'f', -1, 64))
	return append(b, '\n')
}
