package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// patience is how long a client waits before it says that nothing comes.
const patience = time.Minute

// words is a flag that may be repeated.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

// httpClient is the command http of scripts, a client that is there wherever Go is. It writes the
// status, with -i the headers by name but for Date, and after an empty line the body as it comes.
// It fails if the answer is not whole.
func httpClient() {
	var headers, parts words
	fs := flag.NewFlagSet("http", flag.ExitOnError)
	method := fs.String("X", http.MethodPost, "the method")
	body := fs.String("d", "", "the body; @FILE: what is in there")
	authority := fs.String("cacert", "", "whose certificates are trusted; speaks TLS")
	show := fs.Bool("i", false, "show the headers")
	fs.Var(&headers, "H", "a header, `NAME: VALUE`")
	fs.Var(&parts, "F", "a part of a multipart form, `NAME=VALUE` or NAME@FILE")
	_ = fs.Parse(os.Args[1:])
	if fs.NArg() != 2 {
		die("usage: http [flags] unix:SOCKET|@MESSAGES PATH")
	}
	content, contentType := []byte(*body), "application/x-www-form-urlencoded"
	if name, ok := strings.CutPrefix(*body, "@"); ok {
		content = contentOf(name)
	}
	if parts != nil {
		content, contentType = multipartOf(parts)
	}
	transport := &http.Transport{DisableCompression: true}
	scheme := "http"
	if *authority != "" {
		scheme = "https"
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(contentOf(*authority))
	}
	network, address := where(fs.Arg(0))
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	req, err := http.NewRequestWithContext(context.Background(), *method, scheme+"://localhost"+fs.Arg(1), bytes.NewReader(content))
	check(err)
	if len(content) > 0 {
		req.Header.Set("Content-Type", contentType)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	resp, err := transport.RoundTrip(req)
	check(err)
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	if *show {
		delete(resp.Header, "Date")
		for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
			fmt.Printf("%s: %s\n", name, strings.Join(resp.Header[name], ", "))
		}
	}
	fmt.Println()
	_, err = io.Copy(os.Stdout, resp.Body)
	check(err)
}

// httpPeer is the command peer of scripts, a client that does one thing after the other on one
// connection: sends bytes (send=TEXT, with C escapes, or send@FILE), waits for a file to be there
// (wait=FILE), ends its sending (shut), copies what comes to standard output up to the end (read),
// or goes, as politely as a reset is not (reset).
func httpPeer() {
	if len(os.Args) < 3 {
		die("usage: peer unix:SOCKET|@MESSAGES STEP...")
	}
	network, address := where(os.Args[1])
	c, err := new(net.Dialer).DialContext(context.Background(), network, address)
	check(err)
	check(c.SetDeadline(time.Now().Add(patience)))
	for _, step := range os.Args[2:] {
		word, value, _ := strings.Cut(step, "=")
		name, isFile := strings.CutPrefix(step, "send@")
		switch {
		case isFile:
			_, err = c.Write(contentOf(name))
		case word == "send":
			_, err = io.WriteString(c, strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00").Replace(value))
		case word == "wait":
			err = await(value)
		case word == "shut":
			err = c.(interface{ CloseWrite() error }).CloseWrite()
		case word == "read":
			_, err = io.Copy(os.Stdout, c)
		case word == "reset":
			if tcp, ok := c.(*net.TCPConn); ok {
				err = tcp.SetLinger(0)
			}
		default:
			die("there is no step " + step)
		}
		check(err)
	}
	check(c.Close())
}

// where reads unix:SOCKET, or finds in ev's messages where it listens.
func where(s string) (network, address string) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return "unix", path
	}
	name, ok := strings.CutPrefix(s, "@")
	if !ok {
		return "tcp", s
	}
	_, after, _ := strings.Cut(string(contentOf(name)), "listening on http")
	address, _, _ = strings.Cut(after, "\n")
	return "tcp", strings.TrimLeft(address, "s:/")
}

func multipartOf(parts []string) (content []byte, contentType string) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, p := range parts {
		if name, value, ok := strings.Cut(p, "="); ok {
			check(form.WriteField(name, value))
			continue
		}
		name, file, _ := strings.Cut(p, "@")
		w, err := form.CreateFormFile(name, filepath.Base(file))
		check(err)
		_, err = w.Write(contentOf(file))
		check(err)
	}
	check(form.Close())
	return b.Bytes(), form.FormDataContentType()
}

func contentOf(name string) []byte {
	b, err := os.ReadFile(name)
	check(err)
	return b
}

// await waits until a file is there and not empty.
func await(name string) error {
	deadline := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-deadline:
			return errors.New(name + " has not come within " + patience.String())
		}
	}
}

func check(err error) {
	if err != nil {
		die(err.Error())
	}
}

func die(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

// activate is a service manager: activate SOCKET NAME COMMAND... runs a command that is passed a
// listening unix socket under a name, and makes the file ready.
func activate() {
	if len(os.Args) < 4 {
		die("usage: activate SOCKET NAME COMMAND...")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: os.Args[1]})
	check(err)
	f, err := l.File()
	check(err)
	manager := exec.CommandContext(context.Background(), "sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh"}, os.Args[3:]...)...)
	manager.Env = append(os.Environ(), "LISTEN_FDNAMES="+os.Args[2])
	manager.ExtraFiles = []*os.File{f} // from 3 on, as sd_listen_fds(3) has them
	manager.Stdout, manager.Stderr = os.Stdout, os.Stderr
	check(os.WriteFile("ready", []byte("\n"), 0o600))
	check(manager.Run())
}
