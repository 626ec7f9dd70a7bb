package event

import (
	"strings"
	"sync"
)

// fieldVariables are the variables of the fields that every event of some watcher has.
var fieldVariables = sync.OnceValue(func() map[string]bool { //nolint:gochecknoglobals // made once, and never changed
	known := map[string]bool{Variable("hostname"): true}
	for _, d := range []Detail{FD{}, Timer{}, Every{}, Signal{}, Exit{}, Stat{}, HTTP{}, Message{}, Probe{}} {
		for name := range (Event{Detail: d, Lock: &Lock{}}).Fields() {
			known[Variable(name)] = true
		}
	}
	return known
})

// Owned reports whether a variable is named as one that some event sets: after a field, a parameter
// or a header of a request, a group of a match by its number. One that was inherited would pass for
// the event's. EV_SERVER, EV_CREDS, EV_CONTROL and EV_BACKEND are none: they are the user's to set.
func Owned(variable string) bool {
	rest, ok := strings.CutPrefix(variable, "EV_")
	switch {
	case !ok:
		return false
	case fieldVariables()[variable], (HTTP{}).Owns(variable), rest != "" && strings.Trim(rest, "0123456789") == "":
		return true
	}
	return strings.HasPrefix(rest, "DATA_") // the fields of a message
}
