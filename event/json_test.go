package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestJSONOfAnEvent(t *testing.T) {
	tests := []struct {
		detail Detail
		want   string
	}{
		{samples()[1], `"watcher":"timer",…,"after":5400,"repeat":1,"due":"2026-11-23T12:00:00.5Z","late":0.001,"missed":2`},
		{samples()[3], `"watcher":"on-signal",…,"signal":"USR1","number":10,"count":3,"sender":7,"uid":1000,"value":5`},
		{Exit{PID: 7}, `"watcher":"on-exit",…,"pid":7,"command":null,"status":null,"signal":null,"core":null,"elapsed":null,"maxrss":null,"utime":null,"stime":null`},
		{
			FD{Source: "a\xffb", Num: 3, Ready: []string{"read"}, Line: new("\u2028\"\\\x00ü")},
			`"watcher":"watch-fd",…,"fd":3,"source":"a\ufffdb","source_b64":"Yf9i","ready":["read"],"line":"\u2028\"\\\u0000ü","data":null,"partial":false,"peer":null,"lines":["\u2028\"\\\u0000ü"],"count":1`,
		},
		{
			Stat{Path: "f", Paths: []string{"f", "\xff"}},
			`"watcher":"stat",…,"path":"f","paths":["f","\ufffd"],"paths_b64":["Zg==","/w=="],"change":[],"from":null,"type":null,`,
		},
	}
	for _, tt := range tests {
		got := string(Event{Seq: 1, Name: "w", Time: noon(), Detail: tt.detail}.AppendJSON(nil))
		want := "{" + strings.Replace(tt.want, "…", `"name":"w","seq":1,"time":"2026-11-23T12:00:00.5Z"`, 1)
		if !strings.HasPrefix(got, want) || !json.Valid([]byte(got)) {
			t.Errorf("\ngot  %s\nwant %s", got, want)
		}
	}
}

func TestJSONIsAppended(t *testing.T) {
	if got := string(Event{Detail: FD{}}.AppendJSON([]byte("a{"))); !strings.HasPrefix(got, `a{{"watcher":"watch-fd",`) {
		t.Errorf("got %s", got)
	}
}

func TestSpansAreExactSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 1: "0.000000001", -1: "-0.000000001", time.Second: "1", 90 * time.Minute: "5400",
		1500 * time.Millisecond: "1.5", -2 * time.Second: "-2",
		1<<63 - 1: "9223372036.854775807", -1 << 63: "-9223372036.854775808",
	} {
		if got := string(Span(d).AppendJSON(nil)); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

// FuzzJSONString compares with encoding/json.
func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "ü€😀\u2028\u2029\ufffd", "a\xffb\xc3(\xed\xa0\x80", "<&>", "\u0080\u009b31m\u009f\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := AppendJSONString(nil, s)
		var back, want string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %s: %v", s, got, err)
		}
		theirs, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if back != want {
			t.Errorf("%q: %s reads back as %q, want %q", s, got, back, want)
		}
		if bytes.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
			t.Errorf("%q: %q is not plain", s, got)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add("f", "a line", int64(1500000000), int64(7))
	f.Add("\xff", "\x00\n\u2028", int64(-1), int64(-1<<63))
	f.Fuzz(func(t *testing.T, path, line string, span, n int64) {
		for _, e := range []Event{
			{Name: path, Time: noon(), Detail: FD{Source: path, Line: &line, Groups: []Group{{"group", &path}}}},
			{Name: line, Time: noon().Add(time.Duration(span)), Detail: Stat{Path: path, Paths: []string{path, line}, Count: n}},
			{Time: noon(), Detail: Timer{After: time.Duration(span), Missed: n}},
		} {
			checkJSON(t, e)
		}
	})
}

// checkJSON reads the event's JSON with encoding/json and compares each field.
func checkJSON(t *testing.T, e Event) {
	t.Helper()
	got := e.AppendJSON(nil)
	if bytes.ContainsAny(got, "\n\r") {
		t.Fatalf("%q is not one line", got)
	}
	d := json.NewDecoder(bytes.NewReader(got))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	keys := 0
	for name, v := range e.Fields() {
		keys++
		read, ok := object[name]
		if !ok {
			t.Fatalf("%s: no %q", got, name)
		}
		if whole, ok := object[name+"_b64"]; ok {
			keys++
			checkBase64(t, v, whole)
		} else if !checkValue(t, v, read) {
			t.Errorf("%s: %q is %v, not %v", got, name, read, v)
		}
	}
	if keys != len(object) {
		t.Errorf("%s: %d keys, want %d", got, len(object), keys)
	}
}

func checkValue(t *testing.T, v Value, read any) bool {
	t.Helper()
	switch read := read.(type) {
	case nil:
		return !v.Known()
	case bool:
		return v.kind == boolean && read == (v.num == 1)
	case json.Number:
		if v.kind == duration {
			d, err := time.ParseDuration(read.String() + "s")
			return err == nil && d == time.Duration(v.num)
		}
		n, err := read.Int64()
		return v.kind == integer && err == nil && n == v.num
	case string:
		if v.kind == instant {
			at, err := time.Parse(time.RFC3339Nano, read)
			return err == nil && at.Equal(v.time)
		}
		return v.kind == text && read == v.text
	case []any:
		if len(read) != len(v.list) {
			return false
		}
		for i, s := range v.list {
			if read[i] != s {
				return false
			}
		}
		return v.kind == words || v.kind == paths
	}
	return false
}

func checkBase64(t *testing.T, v Value, read any) {
	t.Helper()
	one := func(want string, read any) bool {
		s, ok := read.(string)
		b, err := base64.StdEncoding.DecodeString(s)
		if !ok || err != nil || string(b) != want {
			t.Errorf("%v is not %q in base64", read, want)
		}
		return utf8.ValidString(want)
	}
	valid := true
	if v.kind == text {
		valid = one(v.text, read)
	} else {
		for i, s := range v.list {
			valid = one(s, read.([]any)[i]) && valid
		}
	}
	if valid {
		t.Errorf("%v needs no base64", v)
	}
}
