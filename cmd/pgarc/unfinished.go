package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/restore"
)

// unfinishedHints says what can be done about the journal of another run.
func unfinishedHints(u *restore.Unfinished) []string {
	switch {
	case u.Running != 0:
		return []string{"wait for it, or end it: pgarc status -d ... shows how far it is"}
	case u.OtherArchive || u.OtherOptions:
		var hints []string
		if u.OtherOptions {
			hints = append(hints, optionDifference(u.Command, u.NewCommand))
		}
		if u.Command != "" {
			hints = append(hints, "to go on with that one: "+u.Command)
		}
		return append(hints, "--restart forgets it, and begins anew")
	}
	return []string{"--resume goes on with it; --restart forgets it, and begins anew"}
}

// optionDifference says which options the unfinished restore has that the new one has
// not, and the other way round. Where there are none, it is the server that
// changed, or pgarc.
func optionDifference(then, now string) string {
	thenOptions, nowOptions := whatOptions(then), whatOptions(now)
	without := func(list, other []string) string {
		list = slices.DeleteFunc(slices.Clone(list), func(o string) bool { return slices.Contains(other, o) })
		return strings.Join(list, " ")
	}
	var parts []string
	if only := without(thenOptions, nowOptions); only != "" {
		parts = append(parts, "it was begun with "+only)
	}
	if only := without(nowOptions, thenOptions); only != "" {
		parts = append(parts, "without "+only)
	}
	if len(parts) == 0 {
		return "the options are the same: what -L or --filter lists may differ, or the version of the server or of pgarc"
	}
	return strings.Join(parts, ", and ")
}

// whereOptions are the options of pgarc restore that do not say what is
// restored, but to where, how fast and what is told of it.
var whereOptions = []string{"dbname", "host", "port", "username", "password", "no-password", "jobs", "resume", "retry-failed", "restart",
	"retry-for", "pooler", "set", "on-error", "exit-on-error", "ignore", "report", "failed-sql", "verify", "no-verify", "verbose", "quiet",
	"json", "spool", "strict-names", "allow-empty", "analyze", "split-size", "no-tuning", "no-vacuum", "no-analyze", "no-send-ahead",
	"no-binary-copy", "format", "no-reconnect"}

// whatOptions returns the options in a command of pgarc restore that say what
// is restored, each as --name=value.
func whatOptions(command string) []string {
	var o restoreOptions
	fs := pflag.NewFlagSet("restore", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.addFlags(fs)
	var list []string
	// ParseAll, for options that may be given several times. What another
	// version of pgarc knows, and this one does not, ends the list.
	_ = fs.ParseAll(shellSplit(command), func(f *pflag.Flag, value string) error {
		switch {
		case slices.Contains(whereOptions, f.Name):
		case f.Value.Type() == "bool" && value == "true":
			list = append(list, "--"+f.Name)
		default:
			list = append(list, fmt.Sprintf("--%s=%s", f.Name, shellWord(value)))
		}
		return nil
	})
	return list
}

// shellSplit undoes what shellWord does to the words of a command.
func shellSplit(command string) []string {
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case c == '\'':
			quoted, inWord = !quoted, true
		case c == '\\' && !quoted && i+1 < len(command):
			i++
			word.WriteByte(command[i])
		case c == ' ' && !quoted:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
