// Package post keeps letters.
package post

import "fmt"

// Limit is the most letters in a box.
const Limit = 64

const (
	// Newest first.
	Newest = iota
	Oldest
)

var ErrFull, ErrGone = fmt.Errorf("full"), fmt.Errorf("gone")

// Sender sends.
type Sender interface {
	Send(letter Letter) error
}

// Box is a box of letters.
type Box struct {
	letters []Letter
}

type Letters = []Letter

type (
	Order int
	State int
)

// Send sends a letter.
func (b *Box) Send(letter Letter) error {
	b.letters = append(b.letters, letter)
	return nil
}

func Map[T any](items []T) []T {
	return items
}
