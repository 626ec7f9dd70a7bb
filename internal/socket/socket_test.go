package socket

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenAt(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, _, err := l.Accept(); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("accept: %v", err)
	}
	client, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	conn, peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	if uid, err := PeerUser(conn); err != nil || uid != os.Geteuid() {
		t.Errorf("the peer is %d, %v", uid, err)
	}
	if want := Peer(conn); peer != want {
		t.Errorf("the peer is %q, want %q", peer, want)
	}

	if _, err := ListenAt(path, Access{}); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a live socket: %v", err)
	}
	_ = unix.Close(l.FD)
	if l, err = ListenAt(path, Access{}); err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	l.Remove()
	_ = unix.Close(l.FD)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

func TestListenAt_refuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                                "is not a socket",
		filepath.Join(dir, "none", "s"):     "there is no directory",
		"/tmp/" + strings.Repeat("x", 200):  "103 bytes at most",
		filepath.Join(file, "under a file"): "not a directory",
	} {
		if _, err := ListenAt(path, Access{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestParseTCP(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{text: ":80", want: "127.0.0.1:80"},
		{text: "localhost:80", want: "127.0.0.1:80"},
		{text: "0.0.0.0:0", want: "0.0.0.0:0"},
		{text: "[::1]:65535", want: "[::1]:65535"},
		{text: "::1:80", err: "in brackets: [::1]:80"},
		{text: "http://localhost:80", err: "is not an address"},
		{text: "80", err: "is not HOST:PORT"},
		{text: "", err: "is not HOST:PORT"},
		{text: ":65536", err: "a port of 0 to 65535"},
		{text: "example.com:80", err: "not looked up"},
		{text: "[fe80::1%lo]:80", err: "is not an address"},
	}
	for _, tt := range tests {
		got, err := ParseTCP(tt.text)
		if tt.err == "" && (err != nil || got.String() != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
}

func TestTCP_listensWhereItSays(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, err := ParseTCP(text)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Listen(TCP(a))
		if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
			continue // no IPv6 here
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Address(l.FD); err != nil || got.Addr() != a.Addr() || got.Port() == 0 {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		_ = unix.Close(l.FD)
	}
}

// FuzzParseTCP: what is read is written back as itself, and never panics.
func FuzzParseTCP(f *testing.F) {
	for _, s := range []string{":80", "localhost:80", "[::1]:0", "::1:80", "127.0.0.1:65536", "[fe80::1%lo]:80", "[]:1", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseTCP(s)
		if err != nil {
			return
		}
		if again, err := ParseTCP(a.String()); err != nil || again != a {
			t.Errorf("%q is %v, which is %v, %v", s, a, again, err)
		}
	})
}
