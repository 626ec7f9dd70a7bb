//go:build darwin || freebsd || netbsd || openbsd

package process

import "testing"

func TestParsePS(t *testing.T) {
	all := parsePS("    1 Mon Nov 23 08:51:15 2026 /sbin/launchd\n  4711 Tue Dec  1 23:00:01 2026 My App\n\nrubbish\n")
	if len(all) != 2 || all[1].Name != "launchd" || all[4711].Name != "My App" || all[4711].Began.Day() != 1 || all[1].ID == all[4711].ID {
		t.Errorf("%+v", all)
	}
}
