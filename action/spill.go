package action

import (
	"os"
	"strings"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/process"
)

// maxOwn is how many bytes the variables of an event have together. What a process is given in all
// is limited: to 256 KiB at the least (ARG_MAX), and to a quarter of its stack, which is 2 MiB as a
// rule, on Linux.
const maxOwn = 1 << 20

// fileSuffix ends the name of a variable that says in which file the value of another is.
const fileSuffix = "_FILE"

// A spill is what of an event's variables no process can be given as one: a file for each, named by
// a variable of its own, $EV_LINE_FILE for $EV_LINE. The files are there as long as the process is.
type spill struct {
	command *command
	event   event.Event
	files   []string
}

// environ is the event's own variables, each name once: the first of a list, $EV_HEADER_X_1, is no
// other header's.
func (s *spill) environ() (env []string, err error) {
	if s.command.Plain {
		return nil, nil
	}
	all := s.event.Environ()
	set := make(map[string]bool, len(all))
	sum := 0
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		if set[name] {
			continue
		}
		set[name] = true
		if why := impossible(v); why != "" {
			if v, err = s.move(v, why); err != nil {
				return nil, err
			}
		}
		env = append(env, v)
		sum += len(v)
	}
	for sum > maxOwn {
		i := longest(env)
		was := len(env[i])
		if env[i], err = s.move(env[i], "all of them together have more bytes than the kernel takes"); err != nil {
			return nil, err
		}
		if sum += len(env[i]) - was; len(env[i]) >= was {
			break // there are just too many, which is for the kernel to say
		}
	}
	return env, nil
}

func longest(env []string) (at int) {
	for i, v := range env {
		if len(v) > len(env[at]) {
			at = i
		}
	}
	return at
}

// move writes the value of a variable to a file, and returns the variable that says where.
func (s *spill) move(v, why string) (string, error) {
	name, value, _ := strings.Cut(v, "=")
	content := []byte(value)
	for field, list := range s.event.Fields() {
		if event.Variable(field) == name {
			content = list.AppendRecords(nil, s.command.Sep)
		}
	}
	f, err := os.CreateTemp("", "ev-")
	if err != nil {
		return "", process.Errorf(process.StatusFailed, "%s: no file for %s: %v", s.command.name, name, err)
	}
	s.files = append(s.files, f.Name())
	if _, err = f.Write(content); err == nil {
		err = s.command.User.Own(f.Name())
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", process.Errorf(process.StatusFailed, "%s: no file for %s: %v", s.command.name, name, err)
	}
	if s.command.isNew(name) {
		s.command.Report.Noticef("%s: %s is not a variable: %s: its value is in the file $%s%s", s.command.name, name, why, name, fileSuffix)
	}
	return name + fileSuffix + "=" + f.Name(), nil
}

// remove removes the files, at the end of the process.
func (s *spill) remove() {
	for _, name := range s.files {
		_ = os.Remove(name)
	}
	s.files = nil
}
