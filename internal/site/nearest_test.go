package site

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"users", "guest", "internet", "management", "dmz", "web1", "web2", "https", "ftps", "log"}
	for word, want := range map[string]string{
		"user": "users", "Users": "users", "gest": "guest", "guests": "guest", "intrenet": "internet", "managment": "management",
		"dmx": "dmz", "wbe1": "web1", "web3": "web1", "htps": "https", "lgo": "log", "": "", "printers": "", "x": "", "database": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "xabc", 1},
		{"abc", "acb", 1}, {"abcd", "badc", 2}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
