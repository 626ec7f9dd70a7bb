package crontab

import (
	"fmt"
	"strings"

	"github.com/evshell/ev/evfile"
)

// Options say what a crontab does not.
type Options struct {
	Label string // of the jobs: each has the number of its line behind it
	Host  string // for the subject of a mail

	// Owner is whose jobs these are, and who runs ev. Of a system's crontab, jobs of others are
	// given a --user.
	Owner string
	// Home is a user's home directory, "" if there is none.
	Home func(user string) string
	// Exists reports whether there is such a directory: a job runs at home only if there is.
	Exists func(dir string) bool

	Mail        string // the command that mails, without its addresses; "": output is ev's
	Overlapping bool   // a job is run again though its last run goes on
	// Taken reports whether a command would be taken for one with placeholders.
	Taken func(command string) bool
}

// The variables that hand a script what can't be written into it.
const (
	commandVariable = "CRON_COMMAND"
	inputVariable   = "CRON_INPUT"
	mailVariable    = "CRON_MAILTO"
	subjectVariable = "CRON_SUBJECT"
)

// Lines returns the lines of an Evfile that the jobs amount to. The place of each word is that of
// what it was made from.
func (f *File) Lines(o Options) []evfile.Line {
	var lines []evfile.Line
	for _, j := range f.Jobs {
		lines = append(lines, j.evline(o))
	}
	return lines
}

// lookup returns a variable's value.
func (j *Job) lookup(name string) (evfile.Word, bool) {
	for _, v := range j.Env {
		if v.Name == name {
			return v.Value, true
		}
	}
	return evfile.Word{}, false
}

// Mails reports whether somebody is to get what the job prints.
func (j *Job) Mails() bool {
	to, ok := j.lookup("MAILTO")
	return !ok || to.Text != ""
}

// Shell is what runs the command.
func (j *Job) Shell() evfile.Word {
	if w, ok := j.lookup("SHELL"); ok {
		return w
	}
	return evfile.Word{Text: "/bin/sh", Line: j.Command.Line, Col: j.Command.Col}
}

func (j *Job) evline(o Options) evfile.Line {
	user := o.Owner
	if j.User.Text != "" {
		user = j.User.Text
	}
	l := evfile.Line{Env: j.environ(o, user)}
	add := func(at evfile.Word, words ...string) {
		for _, w := range words {
			l.Words = append(l.Words, evfile.Word{Text: w, Line: at.Line, Col: at.Col})
		}
	}
	at := j.Schedule
	switch at.Text {
	case "@reboot":
		add(at, "timer", "0")
	case "@every":
		add(at, "every")
		add(j.Every, j.Every.Text)
		add(at, "--from-now")
	default:
		add(at, "every", randomly(at.Text))
		j.zone(add)
		if delay, ok := j.lookup("RANDOM_DELAY"); ok && delay.Text != "0" {
			add(delay, "--jitter", delay.Text+"m")
		}
	}
	add(at, "--name", fmt.Sprintf("%s:%d", o.Label, at.Line))
	if user != o.Owner {
		add(j.User, "--user", user)
	}
	if j.Quiet {
		add(at, "-q")
	}
	if o.Overlapping {
		add(at, "--on-busy", "parallel")
	}
	if home := valueOf(l.Env, "HOME"); home != "" && o.Exists(home) {
		w, ok := j.lookup("HOME")
		if !ok {
			w = at
		}
		add(w, "--chdir", home)
	}
	to := j.mailTo(o, user)
	if j.Input == nil && to == "" && !o.Taken(j.Command.Text) {
		add(j.Command, "-c", j.Command.Text)
		return l
	}
	l.Env = append(l.Env, commandVariable+"="+j.Command.Text)
	run := `"$SHELL" -c "$` + commandVariable + `"`
	if j.Input != nil {
		l.Env = append(l.Env, inputVariable+"="+*j.Input)
		run = `printf %s "$` + inputVariable + `" | ` + run
	}
	if to != "" {
		l.Env = append(l.Env, mailVariable+"="+to,
			subjectVariable+"=Cron <"+user+"@"+o.Host+"> "+strings.ReplaceAll(j.Command.Text, "\r", " "))
		run = mailing(run, o.Mail)
	}
	add(j.Command, "--", "/bin/sh", "-c", run)
	return l
}

// zone adds the zone of the schedule. In a crontab that is CRON_TZ; TZ is the command's alone, and
// so must not be taken for it.
func (j *Job) zone(add func(evfile.Word, ...string)) {
	if zone, ok := j.lookup("CRON_TZ"); ok && zone.Text != "" {
		add(zone, "--tz", zone.Text)
	} else if tz, ok := j.lookup("TZ"); ok {
		add(tz, "--tz", "Local")
	}
}

// environ is what cron has in a job's environment.
func (j *Job) environ(o Options, user string) []string {
	env := []string{"SHELL=" + j.Shell().Text, "HOME=" + o.Home(user), "LOGNAME=" + user, "USER=" + user}
	for _, v := range j.Env {
		switch v.Name {
		case "SHELL", "LOGNAME", "USER":
		case "HOME":
			env[1] = "HOME=" + v.Value.Text
		default:
			env = append(env, v.Name+"="+v.Value.Text)
		}
	}
	return env
}

func valueOf(env []string, name string) string {
	for _, v := range env {
		if n, value, _ := strings.Cut(v, "="); n == name {
			return value
		}
	}
	return ""
}

// mailTo is who gets the output, "" if nobody does.
func (j *Job) mailTo(o Options, user string) string {
	if o.Mail == "" {
		return ""
	}
	if to, ok := j.lookup("MAILTO"); ok {
		return to.Text
	}
	return user
}

// mailing is a script that runs another, mails what that writes, if it is anything, and ends with
// its status.
func mailing(run, mail string) string {
	return `exec 4>&1
s=$({ { { ` + run + `
} 2>&1 3>&- 4>&-; echo $? >&3; } | {
if IFS= read -r line || [ -n "$line" ]; then
IFS=', '; set -f
{ printf '%s\n' "To: $` + mailVariable + `" "Subject: $` + subjectVariable + `" '' "$line"; cat; } | ` + mail + ` $` + mailVariable + `
fi
} >&4 3>&-; } 3>&1)
exit "${s:-1}"`
}

// randomly has the random minutes of cronie, 0~30, be a hash of the label: the same at each start.
func randomly(fields string) string {
	limits := [...][2]string{{"0", "59"}, {"0", "23"}, {"1", "28"}, {"1", "12"}, {"0", "6"}}
	list := strings.Fields(fields)
	if !strings.Contains(fields, "~") || len(list) != len(limits) {
		return fields
	}
	for i, field := range list {
		from, to, ok := strings.Cut(field, "~")
		if !ok || strings.Trim(from+to, "0123456789") != "" {
			continue
		}
		if from == "" {
			from = limits[i][0]
		}
		if to == "" {
			to = limits[i][1]
		}
		list[i] = "H(" + from + "-" + to + ")"
	}
	return strings.Join(list, " ")
}
