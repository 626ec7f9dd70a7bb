package gen

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// A shell is what completion is written for. The scripts are cobra's, and in them the words after
// -- are completed as the shell completes any command's.
type shell struct {
	path     string // of the script
	generate func(*cobra.Command, io.Writer) error
	place    string // the line of the script that command comes after
	command  string
}

func shells() []shell {
	return []shell{
		{
			path:     "completions/ev.bash",
			generate: func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
			place:    "__start_ev()\n{\n",
			command: `    # COMMAND completes the words after -- itself.
    local dash
    for ((dash = 1; dash < COMP_CWORD; dash++)); do
        if [[ ${COMP_WORDS[dash]} == -- ]]; then
            _command_offset $((dash + 1))
            return
        fi
    done

`,
		},
		{
			path:     "completions/_ev",
			generate: (*cobra.Command).GenZshCompletion,
			place:    "\n_ev()\n{\n",
			command: `    # COMMAND completes the words after -- itself.
    local dash=${words[(ie)--]}
    if (( dash < CURRENT )); then
        shift $dash words
        (( CURRENT -= dash ))
        _normal -p $service
        return
    fi

`,
		},
		{
			path:     "completions/ev.fish",
			generate: func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
			place:    "    set -l args (commandline -opc)\n",
			command: `
    # COMMAND completes the words after -- itself. 36 is cobra's KeepOrder and
    # NoFileComp: what comes is all there is.
    if set -l dash (contains --index -- -- $args)
        set -e args[1..$dash]
        complete -C (string join ' ' -- (string escape -- $args) (commandline -ct))
        echo :36
        return
    end
    # Words are passed on as they are, not to be expanded or split once more.
    set args (string escape -- $args)

`,
		},
	}
}

// completion returns the scripts that complete what is typed after ev.
func completion(root *cobra.Command) ([]File, error) {
	var files []File
	for _, s := range shells() {
		var b bytes.Buffer
		if err := s.generate(root, &b); err != nil {
			return nil, err
		}
		head, tail, found := strings.Cut(b.String(), s.place)
		if !found {
			return nil, fmt.Errorf("%s: cobra writes no line %q any more: find the new place for COMMAND's words", s.path, s.place)
		}
		files = append(files, File{s.path, []byte(head + s.place + s.command + tail)})
	}
	return files, nil
}
