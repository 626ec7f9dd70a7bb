package event

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 5e8, time.UTC) }

// samples returns a detail of each kind, with everything in it.
func samples() []Detail {
	return []Detail{
		FD{
			Source: "0", Ready: []string{"read", "hup"}, Line: new("a line"), Partial: true,
			Groups: []Group{{"1", new("a")}, {"word", new("line")}, {"none", nil}}, Peer: "@sock",
		},
		Timer{After: 90 * time.Minute, Repeat: time.Second, Due: noon(), Late: time.Millisecond, Missed: 2},
		Every{Schedule: "1h", Due: noon(), Next: noon().Add(time.Hour), Late: time.Second, Missed: 1},
		Signal{Signal: "USR1", Number: 10, Count: 3, Info: &SignalInfo{Sender: 7, UID: 1000, Value: 5}},
		Exit{
			PID: 7, Command: "sh", Known: true, Status: 3, Elapsed: time.Second,
			Usage: &Usage{MaxRSS: 4096, User: time.Millisecond, System: 2 * time.Millisecond},
		},
		Stat{
			Path: "f", Paths: []string{"f", "g"}, Change: []string{"created", "mode"}, Count: 2,
			Now: File{Exists: true, Type: "file", Size: 5, Mtime: noon(), Mode: 0o4755, UID: 1, GID: 2, Ino: 3, Nlink: 1},
		},
		Probe{Target: "http://x/", State: Down, Status: new(503), Output: "busy", Latency: time.Second, Error: "status 503", Since: noon(), PrevState: Up},
		HTTP{Addr: ":80", Method: "GET", Path: "/", Params: []Param{{Name: "q", Values: []string{"1"}}}},
	}
}

// empty returns a detail of each kind, with nothing in it.
func empty() []Detail {
	return []Detail{FD{}, Timer{}, Every{}, Signal{}, Exit{}, Stat{}, Probe{}}
}

func names(d Detail) []string {
	var all []string
	for name := range d.Fields() {
		all = append(all, name)
	}
	return all
}

func TestFieldsOfEachKind(t *testing.T) {
	want := map[Kind]string{
		KindFD:     "fd source ready line data partial peer lines count",
		KindTimer:  "after repeat due late missed",
		KindEvery:  "schedule due next late missed attempt",
		KindSignal: "signal number count sender uid value",
		KindExit:   "pid command status signal core elapsed maxrss utime stime run output",
		KindStat: `path paths change from type size mtime mode uid gid ino nlink
			prev_type prev_size prev_mtime prev_mode prev_uid prev_gid prev_ino prev_nlink count`,
		KindProbe: "target state status output latency error since prev_state",
	}
	for _, d := range empty() {
		if got := names(d); !slices.Equal(got, strings.Fields(want[d.Kind()])) {
			t.Errorf("%s has %v", d.Kind(), got)
		}
	}
	if got := names(samples()[0]); !slices.Equal(got[9:], []string{"1", "word", "none"}) {
		t.Errorf("the groups are %v", got[9:])
	}
}

func TestTextOfEachKind(t *testing.T) {
	at := noon().Format(time.RFC3339Nano)
	tests := []struct {
		detail Detail
		want   string
	}{
		{FD{Source: "stdin", Ready: []string{"read", "eof"}}, "stdin|read,eof"},
		{FD{Source: "0", Ready: []string{"read"}, Line: new("a\tb")}, `0|read|a\tb`},
		{FD{Source: "0", Ready: []string{"read"}, Data: new("a\n")}, `0|read|a\n`},
		{FD{Source: "0", Ready: []string{"read"}, Line: new("")}, "0|read|"},
		{FD{Source: "l", Ready: []string{"connect"}, Peer: "@p"}, "l|connect|@p"},
		{Timer{After: 90 * time.Minute}, "1h30m|elapsed"},
		{Timer{After: time.Second, Missed: 2}, "1s|elapsed, 2 missed"},
		{Every{Due: noon()}, at + "|due"},
		{Every{Due: noon(), Missed: 1}, at + "|due, 1 missed"},
		{Signal{Signal: "HUP", Count: 1}, "HUP|received"},
		{Signal{Signal: "HUP", Count: 4}, "HUP|received 4 times"},
		{Exit{PID: 7, Known: true, Status: 3}, "7|exited 3"},
		{Exit{PID: 7, Known: true, Signal: "KILL"}, "7|killed by KILL"},
		{Exit{PID: 7, Known: true, Signal: "SEGV", Core: true}, "7|killed by SEGV (core dumped)"},
		{Exit{PID: 7}, "7|ended, status unknown"},
		{Stat{Path: "f", Paths: []string{"f"}, Change: []string{"mode", "owner"}}, "f|mode,owner"},
		{Stat{Path: "f", Paths: []string{"f", "g", "h"}, Change: []string{"created"}}, "f|created (+2 more)"},
		{Probe{Target: "tcp:x:1", State: Up}, "tcp:x:1|up"},
		{Probe{Target: "tcp:x:1", State: Down, Error: "refused"}, "tcp:x:1|down|refused"},
		{Probe{Target: "tcp:x:1"}, "tcp:x:1|unknown"},
	}
	for _, tt := range tests {
		got := string(Event{Detail: tt.detail}.AppendText(nil))
		if want := strings.ReplaceAll(tt.want, "|", "\t"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatIsNotKnownIsEmpty(t *testing.T) {
	tests := []struct {
		detail Detail
		fields string
	}{
		{FD{}, "line data peer lines"},
		{FD{Groups: []Group{{"word", nil}}}, "word"},
		{Timer{After: time.Second}, "repeat due"},
		{Every{}, "due next"},
		{Signal{}, "sender uid value"},
		{Exit{}, "command status signal core elapsed maxrss utime stime"},
		{Exit{Known: true, Signal: "KILL"}, "status"},
		{Stat{}, "from type size mtime mode uid gid ino nlink prev_type prev_size prev_mtime prev_mode prev_uid prev_gid prev_ino prev_nlink"},
		{Probe{}, "state status output latency error since prev_state"},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.fields) {
			v, ok := Event{Detail: tt.detail}.Lookup(name)
			if !ok || v.Known() || v.String() != "" || string(v.AppendJSON(nil)) != "null" {
				t.Errorf("%s of %+v is %q", name, tt.detail, v)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	was := File{Exists: true, Size: 1}
	mid := File{Exists: true, Size: 2}
	now := File{Exists: true, Size: 3}
	tests := []struct {
		name               string
		older, newer, want Detail
	}{
		{"readiness has no sum", FD{Source: "0", Ready: []string{"read"}}, FD{Source: "0", Ready: []string{"hup"}}, FD{Source: "0", Ready: []string{"hup"}}},
		{"ticks count as missed", Timer{Missed: 2, Due: noon()}, Timer{Missed: 3, Due: noon().Add(1)}, Timer{Missed: 6, Due: noon().Add(1)}},
		{"instants count as missed", Every{Missed: 0, Due: noon()}, Every{Missed: 0, Due: noon().Add(1)}, Every{Missed: 1, Due: noon().Add(1)}},
		{"signals add up", Signal{Signal: "HUP", Count: 2}, Signal{Signal: "HUP", Count: 1, Info: &SignalInfo{Sender: 7}}, Signal{Signal: "HUP", Count: 3, Info: &SignalInfo{Sender: 7}}},
		{"an exit stays alone", Exit{PID: 1}, Exit{PID: 2}, Exit{PID: 2}},
		{
			"changes of one path span both",
			Stat{Path: "f", Paths: []string{"f"}, Change: []string{"content"}, Prev: was, Now: mid, Count: 1},
			Stat{Path: "f", Paths: []string{"f"}, Change: []string{"mode", "content"}, Prev: mid, Now: now, Count: 2},
			Stat{Path: "f", Paths: []string{"f"}, Change: []string{"content", "mode"}, Prev: was, Now: now, Count: 3},
		},
		{
			"what was read is all there, in its order",
			FD{Line: new("b"), Merged: []FD{{Line: new("a")}}},
			FD{Line: new("c")},
			FD{Line: new("c"), Merged: []FD{{Line: new("a")}, {Line: new("b")}}},
		},
		{"readiness has no sum", FD{Ready: []string{"read"}}, FD{Ready: []string{"hup"}}, FD{Ready: []string{"hup"}}},
		{
			"changes of two paths list both",
			Stat{Path: "f", Paths: []string{"f", "g"}, Change: []string{"content"}, Prev: was, Now: mid, Count: 2},
			Stat{Path: "g", Paths: []string{"g", "h"}, Change: []string{"removed"}, Prev: mid, Count: 2},
			Stat{Path: "f", Paths: []string{"f", "g", "h"}, Change: []string{"content", "removed"}, Prev: was, Now: mid, Count: 4},
		},
		{"the state before is that of the first", Probe{State: Down, PrevState: Up}, Probe{State: Up, PrevState: Down}, Probe{State: Up, PrevState: Up}},
	}
	for _, tt := range tests {
		older, newer := Event{Seq: 1, Name: "w", Time: noon(), Detail: tt.older}, Event{Seq: 2, Name: "w", Time: noon().Add(1), Detail: tt.newer}
		want := Event{Seq: 2, Name: "w", Time: noon().Add(1), Detail: tt.want}
		if got := Merge(older, newer); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.name, got, want)
		}
	}
}

// What is counted is told as fields and as a Tally: what only one of the two knew of would be
// missing in the metrics, or in the output.
func TestTallyIsWhatTheFieldsSay(t *testing.T) {
	for _, d := range append(samples(), FD{Merged: make([]FD, 2)}) {
		var want Tally
		for name, v := range d.Fields() {
			switch name {
			case "missed":
				want.Missed, _ = strconv.ParseInt(v.String(), 10, 64)
			case "count":
				n, _ := strconv.ParseInt(v.String(), 10, 64)
				want.Merged = n - 1
			case "late":
				want.Dated = true
				want.Late, _ = time.ParseDuration(v.String())
			}
		}
		var got Tally
		if d, ok := d.(Tallied); ok {
			got = d.Tally()
		}
		if got != want {
			t.Errorf("%s: %+v, and the fields say %+v", d.Kind(), got, want)
		}
	}
}

func TestMergeLeavesBothAlone(t *testing.T) {
	change := make([]string, 1, 8)
	paths := make([]string, 1, 8)
	change[0], paths[0] = "content", "f"
	older := Stat{Path: "f", Paths: paths, Change: change}
	older.Merge(Stat{Path: "g", Paths: []string{"g"}, Change: []string{"mode"}})
	if got := change[:2][1] + paths[:2][1]; got != "" {
		t.Errorf("it wrote %q behind the older one's", got)
	}
}

func TestPayload(t *testing.T) {
	f := os.NewFile(0, "stdin")
	tests := []struct {
		name   string
		detail Carrier
		want   Payload
	}{
		{"a line gets its end back", FD{Line: new("a")}, Payload{Data: []byte("a\n")}},
		{"a piece of a line has none", FD{Line: new("a"), Partial: true}, Payload{Data: []byte("a")}},
		{"merged lines come in their order", FD{Line: new("c"), Merged: []FD{{Line: new("a"), Partial: true}, {Line: new("b")}}}, Payload{Data: []byte("ab\nc\n")}},
		{"merged chunks, too", FD{Data: new("b"), Merged: []FD{{Data: new("a")}}}, Payload{Data: []byte("ab")}},
		{"and what the end of file is merged with", FD{Ready: []string{"eof"}, Merged: []FD{{Line: new("a")}}}, Payload{Data: []byte("a\n")}},
		{"data is as it is", FD{Data: new("a\x00")}, Payload{Data: []byte("a\x00")}},
		{"what was not read is the descriptor", FD{File: f}, Payload{File: f}},
		{"a connection is read and written", FD{File: f, Peer: "@p"}, Payload{File: f, Out: f}},
		{"changed paths", Stat{Paths: []string{"f", "g h"}}, Payload{Data: []byte("f\ng h\n")}},
		{"an answer", Probe{Output: "x"}, Payload{Data: []byte("x")}},
	}
	for _, tt := range tests {
		if got := tt.detail.Payload('\n'); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

func TestEnviron(t *testing.T) {
	e := Event{Seq: 3, Name: "w", Time: noon(), Detail: Stat{
		Path: "a b\n", Paths: []string{"a b\n", "ü"}, Change: []string{"created", "mode"},
		Now: File{Exists: true, Mode: 0o644},
	}}
	got := e.Environ()
	for _, want := range []string{
		"EV_WATCHER=stat", "EV_NAME=w", "EV_SEQ=3", "EV_TIME=" + noon().Format(time.RFC3339Nano),
		"EV_PATH=a b\n", "EV_PATHS=a b\n\nü", "EV_CHANGE=created,mode", "EV_MODE=0644", "EV_PREV_MODE=",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	e.Detail = FD{Groups: []Group{{"1", new("x")}, {"Big-ü", new("y")}}}
	got = e.Environ()
	if last := got[len(got)-2:]; !slices.Equal(last, []string{"EV_1=x", "EV_BIG__=y"}) {
		t.Errorf("the groups are %q", last)
	}
}

func TestVariable(t *testing.T) {
	for field, want := range map[string]string{
		"path": "EV_PATH", "prev_size": "EV_PREV_SIZE", "param.user-id": "EV_PARAM_USER_ID", "param.ü_1": "EV_PARAM___1",
		"header.x-user-1": "EV_HEADER_X_USER_1", "header.X-User": "EV_HEADER_X_USER", "header.x_user": "", "header.x.user": "",
	} {
		if got := Variable(field); got != want {
			t.Errorf("%s is in %q, want %q", field, got, want)
		}
	}
}

func TestFieldsCanBeLeftAnywhere(t *testing.T) {
	for _, d := range samples() {
		e := Event{Seq: 1, Name: "w", Time: noon(), Detail: d}
		for n := 1; ; n++ {
			seen := 0
			for range e.Fields() {
				if seen++; seen == n {
					break
				}
			}
			if seen < n {
				break
			}
		}
		if _, ok := e.Lookup("nonsense"); ok {
			t.Errorf("%s has a field nonsense", d.Kind())
		}
	}
}
