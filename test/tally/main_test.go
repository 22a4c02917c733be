package main

import (
	"strings"
	"testing"
)

func TestSum(t *testing.T) {
	const passes = `{"Action":"pass","Package":"p","Test":"A"}` + "\n"
	for _, c := range []struct {
		name, in string
		skips    int
		ok       bool
		says     string
	}{
		{"all pass", passes + `{"Action":"pass","Package":"p","Elapsed":1}`, 0, true, "1 passed, 0 failed, 0 skipped"},
		{"one fails", passes + `{"Action":"output","Package":"p","Test":"B","Output":"the reason\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"B"}`, 0, false, "the reason"},
		{"one is skipped", passes + `{"Action":"skip","Package":"p","Test":"B"}`, 0, false, "skipped: p B"},
		{"a skip that is allowed", passes + `{"Action":"skip","Package":"p","Test":"B"}`, 1, true, "1 skipped"},
		{"nothing ran", `{"Action":"pass","Package":"p","Elapsed":1}`, 0, false, "no test ran"},
		{"a package does not build", passes + `{"Action":"output","Package":"q","Output":"does not build\n"}` + "\n" + `{"Action":"fail","Package":"q"}`, 0, false, "does not build"},
		{"a test is cut off", passes + `{"Action":"output","Package":"q","Test":"C","Output":"panic\n"}` + "\n" + `{"Action":"fail","Package":"q"}`, 0, false, "panic"},
		{"words of the build", "no JSON\n" + passes, 0, true, "no JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			tally := newTally(&out, false)
			if err := tally.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if ok := tally.sum(c.skips); ok != c.ok || !strings.Contains(out.String(), c.says) {
				t.Errorf("%v, want %v with %q:\n%s", ok, c.ok, c.says, out.String())
			}
		})
	}
}
