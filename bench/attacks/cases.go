package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evshell/ev/bench/tool"
)

// targets are all that is attacked.
func targets(dir string) []target {
	token := filepath.Join(dir, "token")
	tool.Must(os.WriteFile(token, []byte("sesame\n"), 0o600))
	return []target{
		{"open", []string{"--method", "GET,POST"}, concat(framing(), lengths(), lines(), paths(), fields())},
		{"names", []string{"--host", "hooks.example"}, hosts()},
		{"below", []string{"--path", "/in/*", "--path", "/mark/*"}, below()},
		{"methods", nil, methods()},
		{"token", []string{"--token-file", token}, tokens()},
		{"forms", []string{"--max-body", "64k"}, forms()},
		{"JSON", []string{"--json-body"}, documents()},
	}
}

func concat(lists ...[]attack) (all []attack) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

const smuggled = "POST /smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"

func notSmuggled(e map[string]any) string {
	if strings.Contains(fmt.Sprint(e["path"]), "smuggled") {
		return "a request came out of another's body"
	}
	return ""
}

// framing is what two servers may read in two ways: where a body ends.
func framing() (list []attack) {
	for _, coding := range []string{
		"chunked", "Chunked", "chunked, chunked", "identity", "gzip", "gzip, chunked", "chunked, identity", "xchunked", "\tchunked",
		"chunked ", "chunked;q=1", "\x0bchunked", "\"chunked\"", "chunked\x00", "cow\r\nTransfer-Encoding: chunked", ", chunked", "",
	} {
		for _, length := range []string{"none", "0", "5", "-1", "+5", "0x5", "5, 5", "5,6", "5\r\nContent-Length: 6", "", "99999999999999999999"} {
			raw := "POST /first HTTP/1.1\r\nHost: localhost\r\n"
			if length != "none" {
				raw += "Content-Length: " + length + "\r\n"
			}
			raw += "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n" + smuggled
			list = append(list, attack{name: fmt.Sprintf("framing %q %q", coding, length), raw: raw, events: 1, wrong: notSmuggled})
		}
	}
	for _, chunk := range []string{
		"-1\r\n", "0x0\r\n", "g\r\n", "ffffffffffffffff\r\n", "10000000000000000\r\n", " 0\r\n\r\n", "+0\r\n\r\n", "0;\x00\r\n\r\n", "1\r\nab\r\n0\r\n\r\n",
		"2\r\na\r\n0\r\n\r\n", "0\n\r\n", "1\na\n0\n\n", "0\r\nHost: evil\r\n\r\n", "0\r\nContent-Length: 9\r\n\r\n", "1;" + strings.Repeat("x", 10000) + "\r\na\r\n0\r\n\r\n",
		"00000000000000000000001\r\na\r\n0\r\n\r\n", "1\r\na0\r\n\r\n", "\r\n0\r\n\r\n", "0_0\r\n\r\n",
	} {
		raw := "POST /first HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + smuggled
		list = append(list, attack{name: fmt.Sprintf("chunk %.20q", chunk), raw: raw, events: 1, wrong: func(e map[string]any) string {
			if e["host"] != "localhost" {
				return "a trailer has changed the host"
			}
			return notSmuggled(e)
		}})
	}
	return list
}

// lengths that are none.
func lengths() (list []attack) {
	for _, length := range []string{
		"-1", "+5", "0x5", "5, 6", "5 5", "5.0", "5e0", "\x005", "99999999999999999999", "9223372036854775808", "0005x", "٥", "5\r\nContent-Length: 6", "1_0", "six",
	} {
		list = append(list, attack{name: fmt.Sprintf("length %q", length), raw: "POST /first HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + "\r\n\r\nhello" + smuggled})
	}
	for _, raw := range []string{
		"POST /first HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello",
		"POST /first HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhell",
		"POST /first HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
	} {
		list = append(list, attack{name: fmt.Sprintf("cut off %.60q", raw), raw: raw})
	}
	return list
}

// lines are requests' first ones that are not.
func lines() (list []attack) {
	for _, line := range []string{
		"GET / HTTP/0.9", "GET / HTTP/1.10", "GET / HTTP/2.0", "GET / HTTP/3", "GET / http/1.1", "GET / HTTP/1.1 x", "GET /", "GET", "", " GET / HTTP/1.1", "GET  / HTTP/1.1 ",
		"GET\t/\tHTTP/1.1", "GET / HTTP/1.", "GET / HTTP/-1.1", "GET / HTPT/1.1", "G ET / HTTP/1.1", "GET x HTTP/1.1", "GET evil:80 HTTP/1.1", "GET ftp://localhost/ HTTP/1.1",
		"GET javascript:1 HTTP/1.1", "GET ?x HTTP/1.1", "GET #x HTTP/1.1", "GET * HTTP/1.1", "CONNECT localhost:80 HTTP/1.1", "GET /\x00 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /a b HTTP/1.1",
		"GET /%zz HTTP/1.1", "GET /% HTTP/1.1", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0", "GET http:// HTTP/1.1", "GET http:///x HTTP/1.1",
		"\x00\x00\x00\x00", "SSH-2.0-x", "{\"a\":1}", "GET /?a=%zz HTTP/1.1", "GET /?a=1;b=2 HTTP/1.1", "GET /?" + strings.Repeat("a&", 1001) + " HTTP/1.1",
	} {
		list = append(list, attack{name: fmt.Sprintf("line %.30q", line), raw: line + "\r\nHost: localhost\r\n\r\n"})
	}
	return list
}

// traversing are ways out of a directory, with how many there may be that are let in as something
// else.
func traversing() []string {
	return []string{
		"/../x", "/..", "/.", "/a/../b", "/a/./b", "/a/..", "/%2e%2e/x", "/%2E%2E/x", "/.%2e/x", "/%2e./x", "/a/%2e%2e", "/%2e", "/..%2fx", "/..%2Fx", "/a%2f..%2fb", "/%00", "/a%00b", "/a/%00/../b",
		"/in/../x", "/in/%2e%2e/x", "/in/..%2fx", "/in/..", "/in/.", "/in/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "http://localhost/../x", "http://localhost/in/../x", "/in//../x", "/in/x/../../y", "//../x",
	}
}

func stays(e map[string]any) string {
	path := fmt.Sprint(e["path"])
	if strings.ContainsRune(path, 0) {
		return "a NUL in a path"
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return "a path that leaves where it is: " + path
		}
	}
	return ""
}

func paths() (list []attack) {
	for _, path := range traversing() {
		list = append(list, attack{name: "path " + path, raw: "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"})
	}
	for _, path := range []string{"/..;/x", "/..\\x", "/%252e%252e/x", "/%c0%ae%c0%ae/x", "/...", "/a..b", "//x", "/in\\..\\x", "/%0d%0aX:%20y", "/%1b[2J", "/\xff\xfe"} {
		list = append(list, attack{name: "path " + path, raw: "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n", events: 1, wrong: stays})
	}
	return list
}

// below is a line that knows one directory alone.
func below() (list []attack) {
	for _, path := range append(traversing(), "/", "/in", "/IN/x", "/i%6e", "/inx", "/x/in/", "/in%2f", "/in%00/", "//in/x", "/%2fin/x", "in/x", "\\in\\x", "/in?/in/x", "/x#/in/x") {
		list = append(list, attack{name: "path " + path, raw: "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", events: 1, wrong: func(e map[string]any) string {
			if !strings.HasPrefix(fmt.Sprint(e["path"]), "/in/") {
				return "it is not below /in/: " + fmt.Sprint(e["path"])
			}
			return stays(e)
		}})
	}
	return list
}

// fields are headers that are none, or want to be others'.
func fields() (list []attack) {
	for _, field := range []string{
		"X : y", " X: y", "X", ": y", "X\x00: y", "X: \x00", "X: a\x01b", "X: a\x7fb", "X\r: y", "X y: z", "X(: y", "X: y\rZ: w", "Ü: y", "Host: evil", "Transfer-Encoding: chunked, x", "\x00", "X\t: y",
		"X: " + strings.Repeat("y", 70<<10), strings.Repeat("X", 70<<10) + ": y", strings.Repeat("X: y\r\n", 20000) + "Y: z",
	} {
		list = append(list, attack{name: fmt.Sprintf("field %.20q", field), raw: "GET / HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n\r\n"})
	}
	for _, field := range []string{"X: y\r\n z", "X_Y: 1", "Proxy: http://evil", "Content-Type: \xff", "Expect: nonsense", "Upgrade: h2c", "Connection: X", "Range: bytes=0-", "X-Forwarded-For: 127.0.0.1"} {
		list = append(list, attack{name: fmt.Sprintf("field %.20q", field), raw: "GET / HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n\r\n", events: 1, wrong: func(e map[string]any) string {
			if remote := fmt.Sprint(e["remote"]); strings.Contains(remote, "127.0.0.1") {
				return "a client has said who it is"
			}
			return ""
		}})
	}
	return list
}

// hosts are names that stand for another's.
func hosts() (list []attack) {
	for _, host := range []string{
		"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost.example", "hooks.example.evil", "xhooks.example", "hooks.examplex", "hooks.example@evil", "evil#hooks.example",
		"hooks.example:80@evil", "hooks.example\x00", "hooks.example/", "hooks.example, evil", "evil hooks.example", "0x7f000001", "2130706433", "127.1", "localhostx", "local host", "*", "hooks.example\r\nHost: evil",
		"localhost\r\nHost: localhost", "%6cocalhost", "ḥooks.example", "[::1", "evil:localhost", "http://hooks.example", "-", "...",
	} {
		list = append(list, attack{name: fmt.Sprintf("host %q", host), raw: "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n"})
	}
	for _, origin := range []string{"http://evil.example", "null", "https://hooks.example", "http://hooks.example.evil", "http://localhost:1", "file://"} {
		for _, site := range []string{"", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"} {
			if origin == "https://hooks.example" && site == "" {
				continue // it is the same host's
			}
			list = append(list, attack{name: "origin " + origin + " " + strings.TrimSpace(site), raw: "POST / HTTP/1.1\r\nHost: hooks.example\r\nOrigin: " + origin + "\r\n" + site + "Content-Length: 0\r\n\r\n"})
		}
	}
	for _, host := range []string{"hooks.example", "HOOKS.example.", "localhost", "127.0.0.1:8080", "[::1]:80"} {
		list = append(list, attack{name: "host " + host, raw: "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n", least: 1, events: 1})
	}
	return list
}

// methods are others than POST.
func methods() (list []attack) {
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "Post", "POSTX", "PO ST", "POST\x00", "PROPFIND", "X-HTTP", "\"POST\"", "(POST)", "ＰＯＳＴ"} {
		list = append(list, attack{name: "method " + method, raw: method + " / HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: POST\r\n\r\n"})
	}
	return list
}

// tokens are wrong ones.
func tokens() (list []attack) {
	for _, value := range []string{
		"", "Bearer", "Bearer ", "Bearer x", "Bearer sesam", "Bearer sesame1", "Bearer sesame,", "Bearer SESAME", "Basic sesame", "sesame", "Bearer\x00sesame", "Bearer=sesame", "Bearer \"sesame\"", "Digest sesame",
		"Bearer sesame sesame", "Bearer x\r\nAuthorization: Bearer sesame", "Basic c2VzYW1l", "Basic OnNlc2FtZQ==", "Bearer " + strings.Repeat("x", 60000), "Bearer #",
	} {
		list = append(list, attack{name: fmt.Sprintf("token %.30q", value), raw: "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + value + "\r\nContent-Length: 0\r\n\r\n"})
	}
	list = append(list,
		attack{name: "token in the query", raw: "POST /?access_token=sesame&token=sesame HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"},
		attack{name: "token of another header", raw: "POST / HTTP/1.1\r\nHost: localhost\r\nX-Authorization: Bearer sesame\r\nAuthorization_: Bearer sesame\r\nContent-Length: 0\r\n\r\n"},
		attack{name: "a preflight", raw: "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nAccess-Control-Request-Method: POST\r\n\r\n"},
		attack{name: "the right one is not told", raw: "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\nContent-Length: 0\r\n\r\n", least: 1, events: 1, wrong: func(e map[string]any) string {
			if strings.Contains(fmt.Sprint(e), "sesame") {
				return "a token is told"
			}
			return ""
		}},
	)
	return list
}

func body(kind, text string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, len(text), text)
}

// forms that can't be read, or are too much.
func forms() (list []attack) {
	for _, text := range []string{
		"a=%", "a=%zz", "a=1;b=2", "%ff=1", strings.Repeat("a&", 1001), strings.Repeat("a=1&", 20000), "a=" + strings.Repeat("x", 70<<10),
	} {
		list = append(list, attack{name: fmt.Sprintf("form %.20q", text), raw: body("application/x-www-form-urlencoded", text)})
	}
	part := func(head, text string) string { return "--B\r\n" + head + "\r\n\r\n" + text + "\r\n" }
	for _, text := range []string{
		"", "--B", "--B--", "--B\r\n", part("Content-Disposition: form-data; name=a", "1"), "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--C--\r\n",
		strings.Repeat(part("Content-Disposition: form-data; name=a", "1"), 1001) + "--B--\r\n", part(strings.Repeat("X: y\r\n", 20000)+"X: y", "1") + "--B--\r\n",
		part("no header", "1") + "--B--\r\n", part("Content-Disposition: form-data; name=\"\xff\"", "1") + "--B--\r\n",
	} {
		list = append(list, attack{name: fmt.Sprintf("multipart %.40q", text), raw: body("multipart/form-data; boundary=B", text), events: 1, wrong: func(map[string]any) string {
			if len(text) > len("--B--") {
				return "a form that is none"
			}
			return ""
		}})
	}
	list = append(list, attack{name: "no boundary", raw: body("multipart/form-data", "--B--")}, attack{name: "an empty boundary", raw: body("multipart/form-data; boundary=\"\"", "----")})
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "..", ".", "", "a\x00b", "-rf", "a b;c", strings.Repeat("x", 5000), "..\\..\\x", "%2e%2e%2fx", "\xff"} {
		list = append(list, attack{name: fmt.Sprintf("file %.20q", name), raw: body("multipart/form-data; boundary=B", part("Content-Disposition: form-data; name=up; filename=\""+name+"\"", "x")+"--B--\r\n"), events: 1, wrong: func(e map[string]any) string {
			files, _ := e["files"].([]any)
			for _, f := range files {
				if dir, base := filepath.Split(fmt.Sprint(f)); !strings.HasPrefix(filepath.Base(dir), "ev-http-") || strings.Contains(base, "..") && strings.Contains(base, "/") {
					return "a file elsewhere: " + fmt.Sprint(f)
				}
			}
			return ""
		}})
	}
	return list
}

// documents that are no JSON, whatever their type says.
func documents() (list []attack) {
	for _, text := range []string{
		" ", "{", "}", "{\"a\":1", "{\"a\":1}x", "{a:1}", "{'a':1}", "[1,]", "{\"a\":1,}", "01", "1.", "+1", ".5", "NaN", "Infinity", "\"\x00\"", "\"\n\"", "\"\\x\"", "\"\\u12\"", "tru", "nul", "// x\n1", "/**/1", "\ufeff{}", "a=1",
		strings.Repeat("[", 100000), strings.Repeat("{\"a\":", 100000), "{\"a\":0" + many(1000) + "}",
	} {
		list = append(list, attack{name: fmt.Sprintf("JSON %.20q", text), raw: body("application/json", text)})
	}
	for _, text := range []string{`{"a":"\ud800"}`, "{\"\":{}}", "{\"a\":1,\"a\":2}", "{\"__proto__\":1}", "1e999", "\"" + strings.Repeat("x", 100000) + "\"", strings.Repeat("[", 5000) + strings.Repeat("]", 5000)} {
		list = append(list, attack{name: fmt.Sprintf("JSON %.20q", text), raw: body("text/plain", text), events: 1})
	}
	return list
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",\"f%d\":0", i)
	}
	return b.String()
}
