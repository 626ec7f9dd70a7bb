package event

import "testing"

func TestOwned(t *testing.T) {
	for name, want := range map[string]bool{
		"EV_PATH": true, "EV_PREV_SIZE": true, "EV_LINE": true, "EV_1": true, "EV_12": true, "EV_PARAM_X": true, "EV_HEADER_X": true,
		"EV_JSON_A_B": true, "EV_DATA_X": true, "EV_FENCE": true, "EV_NAME": true, "EV_OUTPUT": true, "EV_HOSTNAME": true, "EV_AFTER": true,
		"EV_SERVER": false, "EV_CREDS": false, "EV_CONTROL": false, "EV_BACKEND": false, "EV_AFTER_EPOCH": false,
		"EV_": false, "EV_X": false, "EVFILE": false, "PATH": false, "XEV_PATH": false,
	} {
		if got := Owned(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
