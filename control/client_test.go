package control

import (
	"encoding/json"
	"testing"
)

func TestPrintable(t *testing.T) {
	for line, want := range map[string]string{
		`{"a":"b\u001b"}` + "\n":                    `{"a":"b\u001b"}` + "\n",
		"{\"a\":\"\u009b31m\x7f é\",\t\"b\":1}\r\n": `{"a":"\u009b31m\u007f é", "b":1} ` + "\n",
		"\"\x9b31m\"\n":                             `"\ufffd31m"` + "\n",
		"[]\n":                                      "[]\n",
	} {
		got := string(Printable([]byte(line)))
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
		var before, after any
		if err := json.Unmarshal([]byte(line), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Errorf("%q: %v", got, err)
		}
		a, _ := json.Marshal(before)
		if b, _ := json.Marshal(after); string(a) != string(b) {
			t.Errorf("%q means %s, and %q means %s", line, a, got, b)
		}
	}
}
