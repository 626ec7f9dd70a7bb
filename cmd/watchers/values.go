package watchers

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/internal/span"
)

// durationValue is a flag that is a DURATION as SPEC section 1 has it.
type durationValue struct {
	to    *time.Duration
	limit bool // inf is allowed: there is none
}

func (v durationValue) Set(s string) (err error) {
	if v.limit {
		*v.to, err = span.ParseLimit(s)
	} else {
		*v.to, err = span.Parse(s)
	}
	return err
}

func (v durationValue) String() string {
	if v.to == nil || *v.to == 0 || *v.to == span.Inf {
		return ""
	}
	return span.Format(*v.to)
}

func (durationValue) Type() string { return "DURATION" }

// ListValue is a flag that can be repeated, a word each time. It is pflag's string array without
// the CSV writer that the latter makes for each flag that is added.
type ListValue []string

// Set implements pflag.Value.
func (v *ListValue) Set(s string) error { *v = append(*v, s); return nil }
func (v *ListValue) String() string     { return strings.Join(*v, " ") }

// Type implements pflag.Value: the help and the completions know it by this.
func (*ListValue) Type() string { return "stringArray" }

// wordsValue is a flag that is a list of words with commas between them; the next one adds to it. An
// empty one is a list without words, and no nil.
type wordsValue []string

func (v *wordsValue) Set(s string) error {
	if *v == nil {
		*v = wordsValue{}
	}
	if s != "" {
		*v = append(*v, strings.Split(s, ",")...)
	}
	return nil
}

func (v *wordsValue) String() string { return strings.Join(*v, ",") }
func (*wordsValue) Type() string     { return "stringSlice" }

// onceValue is a flag of which a second one would be lost.
type onceValue string

func (v *onceValue) Set(s string) error {
	if *v != "" {
		return fmt.Errorf("there is %q already, and one is enough: 'ev run' has many watchers", string(*v))
	}
	*v = onceValue(s)
	return nil
}

func (v *onceValue) String() string { return string(*v) }
func (*onceValue) Type() string     { return "string" }

// numberValue is a flag that is a number from 1; 0 is none that was given.
type numberValue struct{ to *int }

func (v numberValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	*v.to = n
	return err
}

func (v numberValue) String() string {
	if v.to == nil || *v.to == 0 {
		return ""
	}
	return strconv.Itoa(*v.to)
}

func (numberValue) Type() string { return "number" }

// sizeValue is a flag that is a number of bytes: 4096, 64k, 1MiB.
type sizeValue struct{ to *int }

func (v sizeValue) Set(s string) error {
	digits := strings.TrimRight(strings.ToLower(s), "kmgib")
	shift, ok := map[string]int{"": 0, "b": 0, "k": 10, "kib": 10, "m": 20, "mib": 20, "g": 30, "gib": 30}[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || !ok || n == 0 || n > math.MaxInt32>>shift {
		return errors.New("write a number of bytes from 1 to 2 GiB, as in 4096, 64k, 1MiB")
	}
	*v.to = int(n) << shift
	return nil
}

func (v sizeValue) String() string {
	if v.to == nil {
		return ""
	}
	for _, unit := range []struct {
		bytes int
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if *v.to > 0 && *v.to%unit.bytes == 0 {
			return strconv.Itoa(*v.to/unit.bytes) + unit.name
		}
	}
	return strconv.Itoa(*v.to)
}

func (sizeValue) Type() string { return "BYTES" }

// duration adds a flag for a span of time.
func duration(fs *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	fs.Var(durationValue{to: to}, name, usage)
}

// Limit adds a flag for a span of time that may be inf.
func Limit(fs *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	fs.Var(durationValue{to: to, limit: true}, name, usage)
}

// numberVar adds a flag for a number from 1; a value of 0 is none.
func numberVar(fs *pflag.FlagSet, to *int, name string, value int, usage string) {
	*to = value
	fs.Var(numberValue{to}, name, usage)
}

// sizeVar adds a flag for a number of bytes.
func sizeVar(fs *pflag.FlagSet, to *int, name string, value int, usage string) {
	*to = value
	fs.Var(sizeValue{to}, name, usage)
}
