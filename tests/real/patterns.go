// Reads patterns with values, a JSON object each, and writes what Go makes of them: the text
// of each group for every value, null for one that does not match; "refused" for a pattern.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"regexp"
)

type question struct {
	Pattern string
	Values  []string
}

type answer struct {
	Refused bool         `json:"refused"`
	Groups  [][]*string `json:"groups"`
}

func answered(asked question) answer {
	if _, err := regexp.Compile(asked.Pattern); err != nil {
		return answer{Refused: true}
	}
	compiled, err := regexp.Compile("^(?s:" + asked.Pattern + ")$")
	if err != nil {
		return answer{Refused: true}
	}
	var told answer
	for _, value := range asked.Values {
		told.Groups = append(told.Groups, groups(compiled.FindStringSubmatchIndex(value), value))
	}
	return told
}

func groups(places []int, value string) []*string {
	if places == nil {
		return nil
	}
	texts := []*string{}
	for at := 2; at < len(places); at += 2 {
		if places[at] < 0 {
			texts = append(texts, nil)
			continue
		}
		text := value[places[at]:places[at+1]]
		texts = append(texts, &text)
	}
	return texts
}

func main() {
	questions := json.NewDecoder(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(os.Stdout)
	for questions.More() {
		var asked question
		if err := questions.Decode(&asked); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(answered(asked)); err != nil {
			log.Fatal(err)
		}
	}
}
