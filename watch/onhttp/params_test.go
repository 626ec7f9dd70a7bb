package onhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// form is a multipart form; a part NAME=VALUE is text, NAME@FILE=VALUE a file.
func form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		name, file, isFile := strings.Cut(name, "@")
		fmt.Fprintf(&b, "--B\r\nContent-Disposition: form-data; name=\"%s\"", name)
		if isFile {
			fmt.Fprintf(&b, "; filename=\"%s\"", file)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", value)
	}
	return b.String() + "--B--\r\n"
}

// fields are n more fields of a JSON object.
func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",\"f%d\":0", i)
	}
	return b.String()
}

const (
	typeForm  = "Content-Type: application/x-www-form-urlencoded\r\n"
	typeMulti = "Content-Type: multipart/form-data; boundary=B\r\n"
	typeJSON  = "Content-Type: application/json; charset=utf-8\r\n"
)

// Parameters are the same however they come. The values are those of the request's param list, as
// JSON.
func TestHTTP_parameters(t *testing.T) {
	const abc = `[a=["1"] b=["x y","z"] c=[""]]`
	for _, tt := range []struct {
		name, request, want string
	}{
		{"query", "GET /?a=1&b=x+y&b=z&c= HTTP/1.1\r\nHost: localhost\r\n\r\n", abc},
		{"form", request("POST /", typeForm, "a=1&b=x%20y&b=z&c"), abc},
		{"form, by another method", request("PUT /", typeForm, "a=1&b=x%20y&b=z&c"), abc},
		{"multipart form", request("POST /", typeMulti, form("a=1", "b=x y", "b=z", "c=")), abc},
		{"JSON", request("POST /", typeJSON, `{"a":1,"b":["x y","z"],"c":""}`), abc},
		{"body before query", request("POST /?b=z&c=", typeForm, "a=1&b=x+y"), abc},
		{"chunked", "POST / HTTP/1.1\r\nHost: localhost\r\n" + typeForm + "Transfer-Encoding: chunked\r\n\r\n5\r\na=1&b\r\na\r\n=x+y&b=z&c\r\n0\r\n\r\n", abc},

		{"none", request("POST /", "", "a=1"), "[]"},
		{"of another type", request("POST /", "Content-Type: text/plain\r\n", "a=1"), "[]"},
		{"names are decoded", request("POST /", typeForm, "%61%3D=1"), `[a==["1"]]`},
		{"no name", request("POST /", typeForm, "=1"), `[=["1"]]`},
		{"a broken query", "GET /?a=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"a broken form", request("POST /", typeForm, "a=%"), "400"},
		{"a semicolon", request("POST /", typeForm, "a=1;b=2"), "400"},
		{"a name that is not text", request("POST /", typeForm, "a=1&%ff=2"), "400"},
		{"names that are one variable", request("POST /?a_b=1", typeForm, "a-b=1"), "400"},
		{"in upper case", request("POST /?A=1", typeForm, "a=1"), "400"},
		{"a name with a number", request("POST /", typeForm, "a=1&a_1=2"), `[a=["1"] a_1=["2"]]`},
		{"one that is another's", request("POST /", typeForm, "a=1&a=2&a_1=3"), "400"},
		{"a NUL", request("POST /", typeForm, "a=1%00"), "400"},
		{"a NUL in JSON", request("POST /", typeJSON, `{"a":[1,"\u0000"]}`), "400"},
		{"no boundary", request("POST /", "Content-Type: multipart/form-data\r\n", form("a=1")), "400"},
		{"a multipart form cut off", request("POST /", typeMulti, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1"), "400"},
		{"too many", request("POST /", typeForm, strings.Repeat("a&", 1001)), "400"},
		{"too many fields", request("POST /", typeJSON, `{"a":0`+fields(1000)+"}"), "400"},
		{"a long list", request("POST /", typeJSON, `{"a":[`+strings.Repeat("0,", 2047)+"0]}"), `[a=["0"` + strings.Repeat(`,"0"`, 2047) + "]]"},
		{"a field twice", request("POST /", typeJSON, `{"a":[1,2],"a":3}`), `[a=["3"]]`},
		{"too many parts", request("POST /", typeMulti, form(strings.Split(strings.Repeat("a=1 ", 1001), " ")...)), "400"},
		{"in a file", request("POST /", typeForm, "a="+strings.Repeat("x", bodyInMemory)), `[a=["` + strings.Repeat("x", bodyInMemory) + `"]]`},

		{
			"JSON values", request("POST /", typeJSON, `{"n":null,"t":true,"f":1.50,"e":[],"m":[1,null,{"k": 2}],"o":{"k": [ ]},"s":"\u00fc\n"}`),
			`[e=null f=["1.50"] m=["1","","{\"k\":2}"] n=null o=["{\"k\":[]}"] s=["ü\n"] t=["true"]]`,
		},
		{"JSON that is no object", request("POST /", typeJSON, `[1,2]`), "[]"},
		{"no JSON", request("POST /", typeJSON, `{"a":1`), "400"},
		{"JSON of a vendor", request("POST /", "Content-Type: application/vnd.x+json\r\n", `{"a":1}`), `[a=["1"]]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) {
				o.JSONBody = strings.Contains(tt.request, "json")
				o.Methods = append(o.Methods, "PUT")
			})
			c := r.send(tt.request)
			var got string
			if tt.want == "400" {
				got = fmt.Sprint(read(c, "POST").status)
			} else {
				call := r.call()
				var list []string
				for _, p := range call.Params {
					values, _ := json.Marshal(p.Values)
					list = append(list, p.Name+"="+string(values))
				}
				got = "[" + strings.Join(list, " ") + "]"
				call.end(0)
			}
			if got != tt.want {
				t.Errorf("got  %.300s\nwant %.300s", got, tt.want)
			}
		})
	}
}

func TestHTTP_JSONIsLiftedOnlyIfAskedFor(t *testing.T) {
	r := newRig(t, nil)
	r.send(request("POST /", typeJSON, `{"a":1}`))
	if call := r.call(); len(call.Params) > 0 {
		t.Errorf("%v", call.Params)
	}
}

// Files are there as long as the command runs.
func TestHTTP_filesOfAForm(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for name, body := range map[string]string{
		"small": form("text=t", "up@../../etc/pass wd=content", "up@-rf=second"),
		"large": form("text=t", "up@../../etc/pass wd=content", "up@-rf=second", "big@b="+strings.Repeat("x", bodyInMemory)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			c := r.send(request("POST /", typeMulti, body))
			call := r.call()
			up, _ := call.Lookup("param.up")
			if up.String() != call.Files[0] || filepath.Base(call.Files[0]) != "2-pass_wd" || filepath.Base(call.Files[1]) != "3--rf" {
				t.Errorf("param.up is %s, files are %q", up, call.Files)
			}
			for i, want := range []string{"content", "second"} {
				if got, err := os.ReadFile(call.Files[i]); string(got) != want || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			}
			if info, err := os.Stat(filepath.Dir(call.Files[0])); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			p := call.Payload(0)
			if p.Path != "" {
				p.Data, _ = os.ReadFile(p.Path)
			}
			if string(p.Data) != body {
				t.Errorf("the command reads %.100q", p.Data)
			}
			call.end(0)
			read(c, "POST")
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// Nothing is left of a request that is refused after its first file has come.
func TestHTTP_refusedNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newRig(t, func(o *Options) { o.MaxBody = bodyInMemory })
	body := form("a@a=1", "b@b="+strings.Repeat("x", 2*bodyInMemory))
	c := r.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
		strings.TrimSpace(typeMulti), len(body), body))
	if got := read(c, "POST"); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("the status is %d", got.status)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
