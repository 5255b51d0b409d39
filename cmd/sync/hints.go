package main

import (
	"io"
	"regexp"
	"strings"
)

// hints returns a writer for texts that name commands in backticks, such as
// `convsync run`. If --config was given, the commands have it too, so that they can be
// pasted. Each command is written at once.
func (a *app) hints(to io.Writer) io.Writer {
	if a.configFile == "" {
		return to
	}
	return &hintWriter{to: to, options: a.configOption()}
}

// configOption is " --config FILE" as it was given; "" if it was not.
func (a *app) configOption() string {
	if a.configFile == "" {
		return ""
	}
	return " --config " + shellQuote(a.configFile)
}

type hintWriter struct {
	to      io.Writer
	options string
}

var namedCommand = regexp.MustCompile("`convsync [a-z][^`\n]*")

// Write implements [io.Writer].
func (w *hintWriter) Write(p []byte) (int, error) {
	text := namedCommand.ReplaceAllStringFunc(string(p), func(command string) string {
		if strings.Contains(command, " --config") {
			return command
		}
		return command + w.options
	})
	if _, err := io.WriteString(w.to, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

var plainArgument = regexp.MustCompile(`^[\w./@:%+,=-]+$`)

// shellQuote returns an argument of a command for a shell.
func shellQuote(argument string) string {
	if plainArgument.MatchString(argument) {
		return argument
	}
	return "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'"
}
