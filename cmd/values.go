package cmd

import (
	"fmt"
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
	if v.to == nil || *v.to == 0 {
		return ""
	}
	return span.Format(*v.to)
}

func (durationValue) Type() string { return "DURATION" }

// listValue is a flag that can be repeated, a word each time. It is pflag's string
// array without the CSV writer that the latter makes for each flag that is added.
type listValue []string

func (v *listValue) Set(s string) error { *v = append(*v, s); return nil }
func (v *listValue) String() string     { return strings.Join(*v, " ") }
func (*listValue) Type() string         { return "stringArray" }

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

// duration adds a flag for a span of time.
func duration(fs *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	fs.Var(durationValue{to: to}, name, usage)
}

// limit adds a flag for a span of time that may be inf.
func limit(fs *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	fs.Var(durationValue{to: to, limit: true}, name, usage)
}
