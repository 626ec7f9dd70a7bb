package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A server is how one is started at a port of the loopback.
type server struct {
	name, needs string
	path        string // to ask for; "": /x
	secure      bool   // TLS is spoken
	program     func(port string) program
}

// A site is a server that is at work.
type site struct {
	*group
	address string
	pids    *os.File // that its scripts tell who they are
	server
}

// printing are the servers that print a line for each request, and answer 204.
func (b *bench) printing() []server {
	return []server{
		b.evServer(),
		{name: "evhttp", needs: "evhttp", program: func(port string) program {
			return program{words: []string{b.built("evhttp"), port}}
		}},
		b.bareServer(),
	}
}

func (b *bench) evServer(more ...string) server {
	return server{name: "ev", program: func(port string) program {
		words := []string{b.ev(), "on-http", "127.0.0.1:" + port, "--method", "GET", "--ready-fd", "3"}
		return program{words: append(words, more...), readyFD: true}
	}}
}

// bareServer is the least that package net/http can do.
func (b *bench) bareServer(files ...string) server {
	return server{name: "net/http", program: func(port string) program {
		path, words, _ := b.driver("ev", append([]string{"serve", port}, files...))
		return program{words: append([]string{path}, words...)}
	}}
}

// serve prints a line for each request, and answers 204; with the files of a certificate, over TLS.
func serve(words []string) error {
	at, handler := "127.0.0.1:"+words[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	})
	if len(words) > 2 {
		return http.ListenAndServeTLS(at, words[1], words[2], handler)
	}
	return http.ListenAndServe(at, handler)
}

// nginx serves a location as a line of its configuration says, which may be more than one.
func (b *bench) nginx(beside, listen, location string) server {
	return server{name: "nginx", needs: "nginx", program: func(port string) program {
		text := fmt.Sprintf("daemon off; worker_processes 1; worker_rlimit_nofile %d; user root; pid %s/nginx.pid; error_log stderr crit;\n"+
			"events { worker_connections %[1]d; }\n"+
			"http { access_log off; keepalive_timeout 60; server { listen 127.0.0.1:%[3]s %s; location / { %s } } }\n",
			b.files, b.scratch, port, listen, location)
		conf := filepath.Join(b.scratch, "nginx.conf")
		_ = os.WriteFile(conf, []byte(text), 0o600) // that it is missing nginx tells
		return program{words: []string{"sh", "-c", beside + " exec nginx -c " + conf}}
	}}
}

// running are the servers that run a CGI script for each request, by its name: all run the same.
func (b *bench) running(script string) []server {
	dir := filepath.Join(b.scratch, "www")
	path := "/cgi-bin/" + script
	hooks := filepath.Join(b.scratch, script+".json")
	ev := b.evServer("--cgi", "--", dir+path)
	fcgi := b.nginx("rm -f "+b.scratch+"/fcgi; fcgiwrap -c 4 -s unix:"+b.scratch+"/fcgi &", "",
		"fastcgi_pass unix:"+b.scratch+"/fcgi; fastcgi_param REQUEST_METHOD GET; fastcgi_param SCRIPT_FILENAME "+dir+"$uri;")
	fcgi.name, fcgi.needs = "nginx, fcgiwrap", "fcgiwrap"
	fcgi.path = path
	return []server{
		ev,
		fcgi,
		{name: "busybox httpd", needs: "busybox", path: path, program: func(port string) program {
			return program{words: []string{"busybox", "httpd", "-f", "-p", "127.0.0.1:" + port, "-h", dir}}
		}},
		{name: "webhook", needs: "webhook", path: "/hooks/x", program: func(port string) program {
			text := fmt.Sprintf(`[{"id": "x", "execute-command": %q, "include-command-output-in-response": true}]`, dir+path)
			_ = os.WriteFile(hooks, []byte(text), 0o600)
			return program{words: []string{"webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", port}}
		}},
		{name: "websocketd", needs: "websocketd", path: path, program: func(port string) program {
			return program{words: []string{"websocketd", "--address=127.0.0.1", "--port=" + port, "--cgidir=" + dir}}
		}},
		{name: "shell2http", needs: "shell2http", program: func(port string) program {
			return program{words: []string{"shell2http", "-host=127.0.0.1", "-port=" + port, "-cgi", "/x", dir + path}}
		}},
	}
}

// writeScripts makes what running serves: one that says hello, and one that tells a FIFO which
// processes it is, and waits.
func (b *bench) writeScripts() (fifo *os.File, err error) {
	dir, name := filepath.Join(b.scratch, "www", "cgi-bin"), filepath.Join(b.scratch, "pids")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	head := "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
	for script, text := range map[string]string{"hello": "echo hello\n", "rest": "sleep 1000 &\necho $$ $! >" + name + "\nwait\n"} {
		if err := os.WriteFile(filepath.Join(dir, script), []byte(head+text), 0o700); err != nil {
			return nil, err
		}
	}
	if err := unix.Mkfifo(name, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR, 0)
}

// certificate names the files of one.
func (b *bench) certificate() (cert, key string) {
	return filepath.Join(b.scratch, "cert.pem"), filepath.Join(b.scratch, "key.pem")
}

// web is what requests and connections cost.
func web(b *bench) []work {
	count, commands := b.either(4000, 20_000), b.either(200, 1000)
	connections := min(b.either(1000, 10_000), b.files-100)
	cert, key := b.certificate()
	secure := func(s server) server {
		s.secure, s.needs = true, "openssl"
		return s
	}
	nginx := b.nginx("", "", "return 204;")
	by := func(w work, servers []server, figure func(site) (sample, error)) work {
		for _, s := range servers {
			w.contenders = append(w.contenders, contender{name: s.name, needs: s.needs, measure: func() (sample, error) {
				at, err := b.open(s)
				if err != nil {
					return sample{}, err
				}
				defer at.close()
				return figure(at)
			}})
		}
		return w
	}
	memory := func(name, what, beside string, reach goal, servers []server, begin func(*caller, site) error) work {
		return by(work{
			name: name, what: fmt.Sprintf("resident memory a connection, of %d %s; wrong is another that gets no answer meanwhile", connections, what),
			unit: "kB", beside: beside, rounds: b.either(1, 2), goals: []goal{reach},
		}, servers, func(s site) (sample, error) { return s.hold(connections, begin) })
	}
	printing := append(b.printing(), nginx)
	return []work{
		by(work{
			name: "http printed 8", what: "CPU time a request that is printed, 8 connections at once", unit: "µs", beside: "evhttp",
			goals: []goal{atMost("ev", 2.2, "evhttp")},
		}, b.printing(), func(s site) (sample, error) {
			before := s.calm().cpu
			_, err := s.askAll(8, count)
			return sample{figures: []float64{float64(s.calm().cpu-before) / 1e3 / float64(count)}}, err
		}),
		by(work{
			name: "http printed 1", what: "time a request that is printed, one after the other", unit: "µs", beside: "net/http",
			goals: []goal{atMost("ev", 1.6, "net/http")},
		}, b.printing(), func(s site) (sample, error) {
			took, err := s.askAll(1, count)
			return sample{figures: []float64{float64(took) / 1e3 / float64(count)}}, err
		}),
		by(work{
			name: "http command", what: "requests that run a CGI script of sh, 4 at once, each on a connection of its own", unit: "a second", higher: true,
			beside: "nginx, fcgiwrap", rounds: b.either(1, 3),
			goals: []goal{
				atLeast("ev", 1, "nginx, fcgiwrap"), atLeast("ev", 1, "busybox httpd"), atLeast("ev", 1, "webhook"), atLeast("ev", 1, "websocketd"), atLeast("ev", 1, "shell2http"),
			},
		}, b.running("hello"), func(s site) (sample, error) { return s.run(4, commands) }),
		memory("http silent", "that say nothing", "evhttp", limit("ev", 2), printing, func(*caller, site) error { return nil }),
		memory("http idle", "that have had an answer", "evhttp", limit("ev", 2), printing, func(c *caller, s site) error {
			_, err := c.ask(s.path)
			return err
		}),
		memory("http trickle", "in the middle of a header", "evhttp", atMost("ev", 1.2, "net/http"), printing, func(c *caller, _ site) error {
			for _, part := range []string{"GET /x HTTP/1.1\r\nHo", "st: local", "h"} {
				if _, err := io.WriteString(c, part); err != nil {
					return err
				}
			}
			return nil
		}),
		memory("http idle TLS", "that have had an answer over TLS", "net/http", atMost("ev", 1, "net/http"), []server{
			secure(b.evServer("--tls-cert", cert, "--tls-key", key)), secure(b.bareServer(cert, key)),
			secure(b.nginx("", "ssl", "return 204; } ssl_certificate "+cert+"; ssl_certificate_key "+key+"; location /none {")),
		}, func(c *caller, s site) error {
			_, err := c.ask(s.path)
			return err
		}),
		by(work{
			name: "http gone", what: "from when a client closes its connection to the end of all processes of the command; wrong is one that goes on after 2 s",
			unit: "ms", beside: "ev", rounds: 1, goals: []goal{faultless("ev")},
		}, b.running("rest"), func(s site) (sample, error) { return s.leaveAll(b.either(20, 200)) }),
	}
}

// open starts a server, and waits until it serves. What it prints goes to a file.
func (b *bench) open(s server) (at site, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return at, err
	}
	at.address, at.server = free.Addr().String(), s
	if s.path == "" {
		at.path = "/x"
	}
	_ = free.Close()
	_, port, _ := net.SplitHostPort(at.address)
	if s.secure {
		cert, key := b.certificate()
		out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
			"-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost").CombinedOutput()
		if err != nil {
			return at, fmt.Errorf("openssl: %w: %s", err, out)
		}
	}
	if at.pids, err = b.writeScripts(); err != nil {
		return at, err
	}
	p := s.program(port)
	if p.stdout, err = os.CreateTemp(b.scratch, "printed-"); err != nil {
		return at, err
	}
	defer os.Remove(p.stdout.Name())
	defer p.stdout.Close()
	if at.group, err = b.launch(p); err != nil {
		return at, err
	}
	err = await(func() bool {
		c, err := net.DialTimeout("tcp", at.address, patience)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	if err != nil {
		at.close()
	}
	return at, err
}

func (s site) close() {
	s.stop()
	_ = s.pids.Close()
}

// A caller is a connection to a site.
type caller struct {
	net.Conn
	in *bufio.Reader
}

// dial connects. To close the connection is to reset it, so that no port waits for what may be late.
func (s site) dial() (*caller, error) {
	c, err := net.DialTimeout("tcp", s.address, patience)
	if err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.SetDeadline(time.Now().Add(10 * patience))
	if s.secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	return &caller{c, bufio.NewReaderSize(c, 512)}, nil
}

// ask asks for a path, and returns what is there.
func (c *caller) ask(path string) (string, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return "", err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", path, r.Status)
	}
	return string(body), err
}

// askAll asks so often, on so many connections at once.
func (s site) askAll(connections, count int) (time.Duration, error) {
	callers := make([]*caller, connections)
	for i := range callers {
		c, err := s.dial()
		if err != nil {
			return 0, err
		}
		defer c.Close()
		callers[i] = c
	}
	failed := make([]error, connections)
	var all sync.WaitGroup
	start := time.Now()
	for i, c := range callers {
		all.Go(func() {
			for range count / connections {
				if _, failed[i] = c.ask(s.path); failed[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	for _, err := range failed {
		if err != nil {
			return took, err
		}
	}
	return took, nil
}

// run asks so often for what a command says, so many at once, each on a new connection.
func (s site) run(atOnce, count int) (all sample, err error) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	start := time.Now()
	for range atOnce {
		asking.Go(func() {
			for range count / atOnce {
				said := ""
				c, err := s.dial()
				if err == nil {
					said, err = c.ask(s.path)
					_ = c.Close()
				}
				mu.Lock()
				if all.tried++; err != nil || !strings.HasSuffix(said, "hello\n") {
					all.wrong++
					all.note = fmt.Sprintf("%q, %v", said, err)
				}
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	all.figures = []float64{float64(count) / time.Since(start).Seconds()}
	return all, nil
}

// hold opens so many connections, and returns what each takes of memory, in kB.
func (s site) hold(count int, begin func(*caller, site) error) (all sample, err error) {
	before := s.calm().resident
	for range count {
		c, err := s.dial()
		if err != nil {
			return all, err
		}
		defer c.Close()
		if err := begin(c, s); err != nil {
			return all, err
		}
	}
	all.figures = []float64{float64(s.calm().resident-before) / float64(count) / 1e3}
	for range 20 {
		c, err := s.dial()
		if err == nil {
			_, err = c.ask(s.path)
			_ = c.Close()
		}
		if all.tried++; err != nil {
			all.wrong++
			all.note = err.Error()
		}
	}
	return all, nil
}

// leaveAll asks for a command that waits, and goes, so often. After three whose processes go on it is
// known that they do.
func (s site) leaveAll(count int) (all sample, err error) {
	for all.tried < count && all.wrong < 3 {
		took, err := s.leave()
		if err != nil {
			return all, err
		}
		if all.tried++; took >= goesOn {
			all.wrong++
		}
		all.figures = append(all.figures, float64(took)/1e6)
	}
	return all, nil
}

// goesOn is how long the processes of a command live that are not ended.
const goesOn = 2 * time.Second

// leave returns how long the processes of a command live after its client has gone, goesOn at most.
func (s site) leave() (time.Duration, error) {
	c, err := net.DialTimeout("tcp", s.address, patience)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET "+s.path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return 0, err
	}
	var pids [2]int
	_ = s.pids.SetReadDeadline(time.Now().Add(patience))
	if _, err := fmt.Fscanln(s.pids, &pids[0], &pids[1]); err != nil {
		return 0, err
	}
	for _, pid := range pids {
		defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	}
	fds := make([]unix.PollFd, len(pids))
	for i, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return 0, err
		}
		defer unix.Close(fd)
		fds[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	start := time.Now()
	_ = c.Close()
	for i := range fds {
		for fds[i].Revents == 0 && time.Since(start) < goesOn {
			if _, err := unix.Poll(fds[i:i+1], 10); err != nil && !errors.Is(err, unix.EINTR) {
				return 0, err
			}
		}
	}
	return min(time.Since(start), goesOn), nil
}
