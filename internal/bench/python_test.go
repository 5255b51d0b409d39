package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// measurePython loads what a small project has into a lake with the program, with
// a script that people write themselves, and with dlt.
func measurePython(h *harness) {
	python, err := environment(h)
	if err != nil {
		h.note("The comparison with Python was left out: %v", err)
		return
	}
	d := h.data("python", scaled(10_920), 1, month)
	defer h.discard(d.folder)
	s := serve(h, d)
	scripts := []string{"pyarrow", "dlt"}
	h.repetitions(len(h.programs)+len(scripts), func(order []int) {
		for _, i := range order {
			if i < len(h.programs) {
				t := newLake(h, h.all(d, s))
				h.add("python", h.programs[i].name, d.n(), t.run(h, h.programs[i], s, read{inserted: d.n()}))
				t.remove(h)
				continue
			}
			name := scripts[i-len(h.programs)]
			folder := h.TempDir()
			url := fmt.Sprintf("%s/v3/%s/%s/conversations", s.url, account, d.Projects[0].ID)
			result, _, err := measure(h.Context(), []string{"DLT_DATA_DIR=" + folder}, python, filepath.Join("testdata", "with_"+name+".py"),
				url, d.Spec.From.Format(time.RFC3339), d.Spec.To.Format(time.RFC3339), filepath.Join(folder, "lake"))
			if err != nil {
				h.Fatal(err)
			}
			result.Files, result.Disk = contents(h, filepath.Join(folder, "lake"))
			h.add("python", name, d.n(), result)
			os.RemoveAll(folder)
		}
	})
}

// environment returns a Python that has what the scripts need.
func environment(h *harness) (python string, err error) {
	if _, err := exec.LookPath("python3"); err != nil {
		return "", errors.New("python3 is not installed")
	}
	folder := h.TempDir()
	python = filepath.Join(folder, "bin", "python")
	for _, command := range [][]string{
		{"python3", "-m", "venv", folder},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join("testdata", "requirements.txt")},
	} {
		if out, err := exec.CommandContext(h.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w: %.300s", command, err, out)
		}
	}
	return python, nil
}
