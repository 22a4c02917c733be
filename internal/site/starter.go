package site

import (
	"embed"
	"io/fs"
)

//go:embed starter/*.yaml
var starter embed.FS

// Starter returns the files of a small commented site that passes every check:
// what glacis init writes, and the first lesson in the language.
func Starter() fs.FS {
	sub, err := fs.Sub(starter, "starter")
	if err != nil {
		panic("site: " + err.Error()) // the name is ours
	}
	return sub
}
