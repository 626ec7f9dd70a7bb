package schedule

import (
	"fmt"
	"strconv"
	"strings"
)

// A cronField is one of the fields of a cron line.
type cronField struct {
	name     string
	min, max int
	names    []string // three letters each, the first standing for min
}

func (f *cronField) size() int { return f.max - f.min + 1 }

// allowed says what may stand in f.
func (f *cronField) allowed() string {
	switch f.name {
	case "day of month":
		return "1 to 31, L, LW, 15W or L-3"
	case "weekday":
		return "0 to 7 or sun to sat, 5L, mon#2"
	case "month":
		return "1 to 12 or jan to dec"
	}
	return fmt.Sprintf("%d to %d", f.min, f.max)
}

func cronFields() []cronField {
	return []cronField{
		{name: "second", max: 59},
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")},
		{name: "weekday", max: 6, names: strings.Fields("sun mon tue wed thu fri sat")},
	}
}

// cronAlias expands the names of crontab(5).
func cronAlias(name string) (line string, ok bool) {
	switch strings.ToLower(name) {
	case "@hourly":
		return "0 * * * *", true
	case "@daily", "@midnight":
		return "0 0 * * *", true
	case "@weekly":
		return "0 0 * * 0", true
	case "@monthly":
		return "0 0 1 * *", true
	case "@yearly", "@annually":
		return "0 0 1 1 *", true
	}
	return "", false
}

// isCron tells a cron line, right or wrong, from a calendar event: the latter has four words at
// most (weekdays, date, time, zone) and signs of its own.
func isCron(text string) bool {
	if strings.HasPrefix(text, "@") {
		return len(text) < 2 || text[1] < '0' || text[1] > '9'
	}
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return true
	}
	if strings.ContainsAny(text, ":~") || strings.Contains(text, "..") {
		return false
	}
	words := strings.Fields(text)
	digitsOnly := strings.Trim(text, "0123456789*,/? \t") == ""
	return len(words) >= 5 || len(words) >= 3 && digitsOnly
}

// A word is a part of a text, and its place there.
type word struct {
	text string
	pos  int
}

func split(text string) []word {
	var words []word
	pos := 0
	for w := range strings.FieldsSeq(text) {
		pos += strings.Index(text[pos:], w)
		words = append(words, word{w, pos})
		pos += len(w)
	}
	return words
}

// parseCron reads a line of crontab(5), seconds and what Quartz and Jenkins added to it included.
func (s *Spec) parseCron(text string, o Options) error {
	s.kind = Cron
	words := split(text)
	prefix := ""
	if variable, zone, ok := strings.Cut(words[0].text, "="); ok && (variable == "TZ" || variable == "CRON_TZ") {
		location, err := LoadZone(zone)
		if err != nil {
			return &Error{Text: text, Pos: len(variable) + 1, Msg: err.Error()}
		}
		s.zone, prefix, words = location, "CRON_TZ="+zone+" ", words[1:]
	}
	if len(words) > 0 && strings.HasPrefix(words[0].text, "@") {
		line, ok := cronAlias(words[0].text)
		if !ok || len(words) > 1 {
			return unknownAlias(text, words[0])
		}
		if strings.EqualFold(words[0].text, "@weekly") {
			s.note("@weekly is Sunday 00:00, as cron has it; the calendar event weekly is Monday 00:00")
		}
		words = split(line)
	}
	if err := checkFieldCount(text, words); err != nil {
		return err
	}
	if len(words) == 6 {
		s.note("of the six fields the first is seconds")
	}
	normal, err := s.parseCronFields(text, words, o)
	s.text = prefix + normal
	return err
}

func (s *Spec) parseCronFields(text string, words []word, o Options) (normal string, err error) {
	rule := &fields{seconds: secondSet{whole: 1}}
	rule.years.add(firstYear, lastYear, 1)
	var ticks bool
	var dates, weekdays cronSet
	var normals []string
	table := cronFields()
	for i, w := range words {
		field := &table[i+len(table)-len(words)]
		p := cronParser{text: text, field: field, days: &rule.days, seed: o.Name + " " + field.name}
		set, err := p.parse(w)
		if err != nil {
			return "", err
		}
		normals = append(normals, set.normal)
		if set.lonelyStep > 0 {
			s.note("%s: a step of %d leaves only the first value", field.name, set.lonelyStep)
		}
		switch field.name {
		case "second":
			rule.seconds.whole = set.values
		case "minute":
			rule.minutes, ticks = set.values, ticks || set.wildcard()
		case "hour":
			rule.hours, ticks = set.values, ticks || set.wildcard()
		case "day of month":
			rule.days.dates, dates, s.dayPos = set.values, set, w.pos
		case "month":
			rule.months = set.values
		case "weekday":
			rule.days.weekdays, weekdays = set.values, set
		}
	}
	rule.days.either = !dates.star && !weekdays.star
	switch {
	case rule.days.either:
		s.note("both a day of month and a weekday are given: one of them is enough (cron's rule)")
	case dates.normal != "*" && weekdays.normal != "*":
		s.note("a day field begins with *: the day of month and the weekday both have to match (cron's rule)")
	}
	s.place(rule, ticks, o)
	return strings.Join(normals, " "), nil
}

func checkFieldCount(text string, words []word) error {
	last := word{text, len(text)}
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	switch n := len(words); {
	case n > 5 && isZone(last.text):
		return &Error{
			Text: text, Pos: last.pos, Msg: last.text + " is a zone, which does not stand at the end of a cron line",
			Hint: "write CRON_TZ=" + last.text + " before it, or --tz " + last.text,
		}
	case n < 5:
		return &Error{
			Text: text, Pos: last.pos, Msg: fmt.Sprintf("a cron line has 5 fields, or 6 with seconds first; this has %d", n),
			Hint: "minute hour day-of-month month weekday, '30 9 * * mon-fri'",
		}
	case n == 6 && hasYear(last.text):
		return &Error{
			Text: text, Pos: last.pos, Msg: last.text + " is a year: of six fields the first is seconds and the last is the weekday",
			Hint: "a calendar event takes a year, '2026-*-* 09:00'",
		}
	case n == 7:
		return &Error{
			Text: text, Pos: last.pos, Msg: "7 fields; there are 5, or 6 with seconds first, and none is a year",
			Hint: "a calendar event takes a year, '2026-*-* 09:00'",
		}
	case n > 7:
		return &Error{
			Text: text, Pos: words[6].pos, Msg: fmt.Sprintf("%d fields; there are 5, or 6 with seconds first", n),
			Hint: "minute hour day-of-month month weekday, '30 9 * * mon-fri'",
		}
	}
	return nil
}

// isZone tells the name of a zone from a weekday's.
func isZone(field string) bool {
	if len(field) < 3 || strings.Trim(field[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" && !strings.Contains(field, "/") {
		return false
	}
	if strings.ContainsAny(field, "0123456789*,#") {
		return false
	}
	_, err := LoadZone(field)
	return err == nil
}

// hasYear tells a number of four digits.
func hasYear(field string) bool {
	for part := range strings.FieldsFuncSeq(field, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(part) == 4 {
			return true
		}
	}
	return false
}

func unknownAlias(text string, w word) error {
	e := &Error{Text: text, Pos: w.pos, Msg: "unknown name " + strconv.Quote(w.text)}
	switch strings.ToLower(w.text) {
	case "@reboot":
		e.Msg = "@reboot is not a time"
		e.Hint = "write 'ev timer 0' for one event at the start, or add --now to a schedule"
	case "@every":
		e.Hint = "write the duration alone, 15m"
	default:
		names := []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
		e.Hint = "known are " + strings.Join(names, " ")
		if near, ok := meant(w.text, names); ok {
			e.Hint = "did you mean " + near + "?"
		}
	}
	return e
}
