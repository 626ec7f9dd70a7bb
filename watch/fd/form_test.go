package fd

import "testing"

func TestParseFD(t *testing.T) {
	tests := []struct {
		s    string
		kind kind
		num  int
		name string
		addr string
	}{
		{"0", fdNumber, 0, "", ""},
		{"-", fdNumber, 0, "", ""},
		{"17", fdNumber, 17, "", ""},
		{"/dev/stdin", fdNumber, 0, "", ""},
		{"/dev/fd/63", fdNumber, 63, "", ""},
		{"/proc/self/fd/5", fdNumber, 5, "", ""},
		{"/dev/tty", fdPath, 0, "/dev/tty", ""},
		{"fifo", fdPath, 0, "fifo", ""},
		{"./17", fdPath, 0, "./17", ""},
		{"fd:web", fdNamed, 0, "web", ""},
		{"unix-listen:/run/x:y", fdUnix, 0, "/run/x:y", ""},
		{"tcp-listen:10.0.0.1:80", fdTCP, 0, "", "10.0.0.1:80"},
		{"tcp-listen:localhost:0", fdTCP, 0, "", "127.0.0.1:0"},
		{"tcp-listen::80", fdTCP, 0, "", "127.0.0.1:80"},
		{"tcp-listen:[::]:80", fdTCP, 0, "", "[::]:80"},
	}
	for _, tt := range tests {
		form, err := parseFD(tt.s)
		addr := ""
		if form.addr.IsValid() {
			addr = form.addr.String()
		}
		if err != nil || form.kind != tt.kind || form.num != tt.num || form.name != tt.name || addr != tt.addr {
			t.Errorf("%q: %+v %v", tt.s, form, err)
		}
	}
}

func FuzzParseFD(f *testing.F) {
	for _, s := range []string{"-", "3", "fd:x", "tcp-listen:[::1]:80", "unix-listen:@x", "/dev/fd/4", "-7", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, err := parseFD(s)
		if err != nil {
			return
		}
		switch form.kind {
		case fdNumber:
			if form.num < 0 {
				t.Errorf("%q is %d", s, form.num)
			}
		case fdTCP:
			if !form.addr.IsValid() || form.addr.Addr().Zone() != "" {
				t.Errorf("%q is %v", s, form.addr)
			}
			form.sockaddr()
		default:
			if form.name == "" {
				t.Errorf("%q has no name", s)
			}
		}
	})
}
