package link

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"time"
)

// A record is what is known of a lock. It is replaced as a whole, and only by who has seen what it
// was: it is the claim, the lease, the fence and the memory of what was dealt with in one.
type record struct {
	Holder  string               `json:"holder"`
	Token   string               `json:"token"` // of the claim
	Running bool                 `json:"running"`
	Label   string               `json:"label,omitempty"`  // of the run
	At      time.Time            `json:"at,omitzero"`      // the instant that it is for
	Missed  int64                `json:"missed,omitempty"` // how many before it were missed, as it tells
	Since   time.Time            `json:"since,omitzero"`
	Lease   time.Duration        `json:"lease"`
	Fence   uint64               `json:"fence,omitempty"` // file: alone; elsewhere it is the revision
	Due     map[string]time.Time `json:"due,omitempty"`   // up to when instants were dealt with, by label
}

func parseRecord(text []byte) (r record, err error) {
	if len(text) > 0 {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (r record) encode() []byte {
	text, _ := json.Marshal(r)
	return text
}

// dealtWith reports whether the instant of a claim has been.
func (r record) dealtWith(c Claim) bool {
	return !c.Due.IsZero() && !c.Due.After(r.Due[c.Label])
}

// cutOff reports whether a run that has died is one that the claim is to run again.
func (r record) cutOff(c Claim) bool {
	return r.Running && c.Rerun && r.Label == c.Label && !r.At.IsZero()
}

// taken is the record once the claim is won.
func (r record) taken(c Claim, holder string) record {
	n := record{Holder: holder, Token: rand.Text(), Running: true, Label: c.Label, Since: time.Now(), Lease: c.Lease, Due: maps.Clone(r.Due)}
	if r.cutOff(c) {
		n.At, n.Missed = r.At, r.Missed
	} else if n.At = c.Due; c.Missed != nil {
		n.Missed = c.Missed(r.Due[c.Label])
	}
	n.settle(c.Label, n.At)
	return n
}

// settle notes that the instants of a label up to one have been dealt with.
func (r *record) settle(label string, at time.Time) {
	if at.After(r.Due[label]) {
		due := maps.Clone(r.Due) // it is shared with those that it was made from
		if due == nil {
			due = map[string]time.Time{}
		}
		due[label] = at
		r.Due = due
	}
}

// released is the record after the run.
func (r record) released(settled time.Time) record {
	r.Running, r.At, r.Missed = false, time.Time{}, 0
	r.settle(r.Label, settled)
	return r
}

// undone is the record after a claim that was won and is not wanted any more: it is what it was
// before. What was cut off is still to be run again.
func (r record) undone(before record, c Claim) record {
	before.Running = before.cutOff(c)
	before.Token, before.Fence = r.Token, r.Fence // the holder of before has lost it
	return before
}
