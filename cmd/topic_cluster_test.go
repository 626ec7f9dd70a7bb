package cmd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/link"
)

// configurations are the two of 'ev help cluster': what it prints indented after a line that ends in
// a colon and speaks of nats-server, or of what is added for three machines.
func configurations(t *testing.T) (one, three string) {
	t.Helper()
	block := func(after string) string {
		_, rest, ok := strings.Cut(clusterHelp, after+"\n\n")
		if !ok {
			t.Fatalf("the help has no %q", after)
		}
		var b strings.Builder
		for line := range strings.Lines(rest) {
			if !strings.HasPrefix(line, "  ") {
				break
			}
			b.WriteString(line)
		}
		return b.String()
	}
	one = block("addresses, ports and passwords by your own:")
	return one, one + block("this at its end:")
}

// The configurations that are printed are those of servers, with what they say is to be replaced
// replaced, and a host has with them all that ev needs.
func TestClusterHelp_configurations(t *testing.T) {
	binary, _, _ := strings.Cut(os.Getenv("EV_NATS_SERVER"), ":")
	if binary == "" {
		t.Skip("EV_NATS_SERVER names no nats-server: .ci/run does")
	}
	one, three := configurations(t)
	for n, text := range map[int]string{1: one, 3: three} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			certificates := makeCertificate(t)
			ports, err := natstest.FreePorts(2 * n)
			if err != nil {
				t.Fatal(err)
			}
			var clients []string
			for i := range n {
				replaced := []string{
					"/etc/nats", certificates, "/var/lib/nats", t.TempDir(), "server_name: nats1", fmt.Sprintf("server_name: nats%d", i+1),
					"0.0.0.0:4222", fmt.Sprintf("127.0.0.1:%d", ports[i]),
				}
				if n == 3 {
					replaced = append(replaced, "0.0.0.0:6222", fmt.Sprintf("127.0.0.1:%d", ports[n+i]))
					for k := range n {
						replaced = append(replaced, fmt.Sprintf("nats%d:6222", k+1), fmt.Sprintf("127.0.0.1:%d", ports[n+k]))
					}
				}
				for k := 0; k < len(replaced); k += 2 {
					if !strings.Contains(text, replaced[k]) {
						t.Errorf("there is no %s", replaced[k])
					}
				}
				serve(t, binary, strings.NewReplacer(replaced...).Replace(text))
				clients = append(clients, fmt.Sprintf("127.0.0.1:%d", ports[i]))
			}
			tryAll(t, "tls://"+strings.Join(clients, ","), filepath.Join(certificates, "ca.pem"))
		})
	}
}

func serve(t *testing.T, binary, configuration string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := exec.CommandContext(ctx, binary, "-c", file)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
}

// tryAll does as two hosts what ev does with a server.
func tryAll(t *testing.T, url, ca string) {
	t.Helper()
	a, b := natsHost(t, "web07", "change-me-7", url, ca), natsHost(t, "web08", "change-me-8", url, ca)
	done := make(chan string, 100)
	b.Answer("_EV.ctl.*", func(q link.Question) { q.Reply([]byte("answered")) })
	a.Settled("job", "job", func(_ time.Time, err error) { done <- fmt.Sprint("settled ", err) })
	wait(t, done, "settled <nil>")
	a.Claim(link.Claim{Lock: "job", Lease: time.Minute}, func(g *link.Grant) {
		g.Release(time.Time{})
		done <- fmt.Sprint(g.Outcome, g.Err)
	})
	wait(t, done, "won <nil>")
	c := b.Consume(link.ConsumeOptions{Subjects: []string{"ev.x"}, Group: "g", From: link.From{All: true}, AckWait: time.Minute}, func(d *link.Delivery) {
		done <- "delivered " + d.ID
		d.Dead(link.DeadLetter{Status: 65})
	}, func(err error) { done <- err.Error() })
	c.Room(1)
	a.Publish(link.Message{Subject: "ev.x", ID: "one", Source: "/a", Type: "ev.test"}, func(link.Stored, error) {})
	wait(t, done, "delivered one")
	a.Ask("_EV.ctl.list", nil, time.Second, func(text []byte) { done <- string(text) }, func(err error) { done <- fmt.Sprint("asked ", err) })
	wait(t, done, "asked <nil>")
	wait(t, done, "answered")
	var look func()
	look = func() {
		a.Letters("g", func(letters []link.Letter, err error) {
			if err == nil && len(letters) == 0 {
				look() // it is on its way
				return
			}
			done <- fmt.Sprint(len(letters), err)
		})
	}
	look()
	wait(t, done, "1 <nil>")
}

func wait(t *testing.T, done <-chan string, want string) {
	t.Helper()
	for {
		select {
		case got := <-done:
			if got == want {
				return
			}
			if got != "answered" { // which comes again and again
				t.Fatalf("%s, want %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("there is no %s", want)
		}
	}
}

// natsHost is a link of a host's, by a context of nats(1).
func natsHost(t *testing.T, user, password, url, ca string) link.Link {
	t.Helper()
	config := t.TempDir()
	text, _ := json.Marshal(map[string]string{"url": url, "user": user, "password": password, "ca": ca})
	file := filepath.Join(config, "nats/context/prod.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	posts := make(chan func(), 1000)
	go func() {
		for fn := range posts {
			fn()
		}
	}()
	l, err := link.Open(link.Options{
		Server: "nats:prod", Host: user, StateDir: t.TempDir(), Post: func(fn func()) { posts <- fn },
		Getenv: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": config}[name] },
		Report: report.New(t.Output(), user, report.Plain, report.Verbose),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closed := make(chan struct{})
		l.Close(func() { close(closed) })
		<-closed
	})
	return l
}

// makeCertificate makes a certificate for the loopback, which is its own authority.
func makeCertificate(t *testing.T) (dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{
		"cert.pem": certificate, "ca.pem": certificate,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
