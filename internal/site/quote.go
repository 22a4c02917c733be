package site

import (
	"net/netip"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// plainText is text that every YAML reader takes as it stands, inside inline
// lists and outside. A colon is not in it: IPv6 addresses and times keep their
// quotes everywhere, so that a value can be moved into a list as it is.
var plainText = regexp.MustCompile(`^[\p{L}\p{N}/._][\p{L}\p{N}/._()+;=~$^?'&*!@|<>% -]*$`)

// numberLike is text that some reader or other takes for a number or a date.
var numberLike = regexp.MustCompile(`^[0-9._+-][0-9A-Fa-f._+xXoOeE-]*$`)

// wordsOfYAML are taken for truth or nothing by readers of YAML 1.1.
var wordsOfYAML = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true,
	"true": true, "false": true, "null": true}

// unquoted writes a scalar without quotes if it needs none, and in double
// quotes if it stands in single ones for no reason. Scalars that go on to the
// next line stay as they are.
func unquoted(text string) string {
	if len(text) < 2 || text[0] != '"' && text[0] != '\'' || text[len(text)-1] != text[0] {
		return text
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) != 1 {
		return text
	}
	v := n.Content[0].Value
	switch {
	case isPlain(v):
		return v
	case text[0] == '\'' && !strings.ContainsAny(v, "\"\\"):
		return `"` + v + `"`
	}
	return text
}

func isPlain(v string) bool {
	a, err := netip.ParseAddr(v)
	if err == nil && a.Is4() {
		return true
	}
	return plainText.MatchString(v) && !numberLike.MatchString(v) && !wordsOfYAML[strings.ToLower(v)] && !strings.HasSuffix(v, " ")
}
