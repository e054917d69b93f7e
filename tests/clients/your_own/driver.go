// The driver in Go: the test writes the client into the package `updates`.
package main

import (
	"encoding/json"
	"os"
	"strconv"

	"example.com/app/updates"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	group := must(strconv.Atoi(os.Args[3]))
	found := updates.Update(must(updates.Latest(os.Args[1])), os.Args[2], group)
	said := map[string]any{"found": nil, "right": nil}
	if found != nil {
		said["found"], said["right"] = found.URL, updates.IsRight(found, must(os.ReadFile(os.Args[4])))
	}
	json.NewEncoder(os.Stdout).Encode(said)
}
