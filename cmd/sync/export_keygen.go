package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"convsync/internal/export"
)

func newExportKeygen(app *app) *cobra.Command {
	var out, passwordFile string
	var noPassword bool
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Create a key pair that signs exports, in minisign format",
		Long: "Export keygen writes FILE.key, which signs exports, and FILE.pub, which checks their signatures. Keep the first one\n" +
			"secret, and give the second one to those who verify exports, by another way than the exports. The private key is\n" +
			"encrypted with a password; that takes a gigabyte of memory for a few seconds, as in minisign.",
		Example: "  convsync export keygen --out convsync\n" +
			"  convsync export audio --from 2026-06-01 --to 2026-07-01 --copy ./exports/june --sign-key convsync.key\n" +
			"  minisign -V -p convsync.pub -m ./exports/june/manifest.json",
		Args: noEndpoint,
		RunE: func(*cobra.Command, []string) error { return runExportKeygen(app, out, passwordFile, noPassword) },
	}
	cmd.Flags().StringVar(&out, "out", "convsync", "path of the files without .key and .pub; existing files are not replaced")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the password of the private key (default: ask for it)")
	cmd.Flags().BoolVar(&noPassword, "no-password", false, "do not encrypt the private key")
	return cmd
}

func runExportKeygen(app *app, out, passwordFile string, noPassword bool) error {
	if noPassword && passwordFile != "" {
		return usageError(errors.New("--password-file and --no-password are both set: use one of them"))
	}
	password := ""
	if !noPassword {
		var err error
		if password, err = app.password(passwordFile, "password for "+out+".key", true); err != nil {
			return err
		}
	}
	public, err := export.Keygen(out, password)
	if errors.Is(err, os.ErrExist) {
		return usageError(fmt.Errorf("%w: choose another --out; a replaced key can no longer sign as the same signer", err))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(app.stdout, "created the key %s: %[2]s.key signs exports, and %[2]s.pub checks them\n", public.ID(), out)
	return nil
}

// password returns the password of a private key: from a file, else from the person
// at the terminal, twice if it is a new one.
func (a *app) password(file, what string, isNew bool) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", configError(fmt.Errorf("--password-file: %w", err))
		}
		password := strings.TrimRight(string(text), "\r\n")
		if password == "" {
			return "", configError(fmt.Errorf("--password-file: %s is empty", file))
		}
		return password, nil
	}
	terminal, ok := a.stdin.(*os.File)
	if !ok || !isTerminal(a.stdin) {
		hint := "use --password-file"
		if isNew {
			hint += " or --no-password"
		}
		return "", usageError(fmt.Errorf("the %s is not known, and there is no terminal to ask for it: %s", what, hint))
	}
	password, err := a.askPassword(terminal, what)
	if err != nil || !isNew {
		return password, err
	}
	again, err := a.askPassword(terminal, "the same again")
	if err == nil && again != password {
		err = usageError(errors.New("the two passwords differ: try again"))
	}
	return password, err
}

func (a *app) askPassword(terminal *os.File, what string) (string, error) {
	fmt.Fprintf(a.stderr, "%s: ", what)
	text, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(a.stderr)
	if err == nil && len(text) == 0 {
		err = usageError(errors.New("the password is empty: type one"))
	}
	return string(text), err
}
