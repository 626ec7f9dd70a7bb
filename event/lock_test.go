package event

import (
	"os"
	"strings"
	"testing"
)

// An event that has a lock says so, wherever fields are; the host is a field of every event, to be
// asked for.
func TestEvent_lock(t *testing.T) {
	e := Event{Name: "x", Detail: Timer{}, Lock: &Lock{Fence: 7, Holder: "web07/12"}}
	if got := string(NewTemplate("{fence} {holder}").Append(nil, e)); got != "7 web07/12" {
		t.Error(got)
	}
	if env := strings.Join(e.Environ(), "\n"); !strings.Contains(env, "EV_FENCE=7\nEV_HOLDER=web07/12\n") {
		t.Error(env)
	}
	e.Lock = nil
	if _, ok := e.Lookup("fence"); ok {
		t.Error("there is a fence without a lock")
	}
	host, _ := os.Hostname()
	got := NewTemplate("{hostname}.{}").AppendFunc(nil, e, strings.ToUpper)
	if want := strings.ToUpper(host + ".0s"); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}
