package cli

import (
	"testing"

	"glacis/internal/lab"
	"glacis/internal/privileged"
)

func TestLabStories(t *testing.T) {
	privileged.Need(t)
	t.Cleanup(func() { lab.TakeDown("story") }) // if the story breaks off
	stories(t, "testdata/root")
}
