package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// JSON is a document whose fields are looked up by their path, a.b.0.c, whatever lies beside them
// and however long that is. It does not change.
type JSON struct {
	text []byte
	top  []jsonField // of an object
}

// A jsonField is a field of an object, or an element of a list, which is named by its number.
type jsonField struct {
	name string
	text []byte
}

// ParseJSON reads a document, once from end to end. How deep it may be is encoding/json's to say.
func ParseJSON(text []byte) (*JSON, error) {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) {
		return nil, errors.New("it is not JSON")
	}
	j := &JSON{text: text}
	if text[0] != '{' {
		return j, nil
	}
	at := map[string]int{}
	for f := range jsonFields(text) {
		if i, again := at[f.name]; again {
			j.top[i] = f // the last counts, as for most others who read JSON
			continue
		}
		at[f.name] = len(j.top)
		j.top = append(j.top, f)
	}
	return j, nil
}

// Fields yields the fields of an object with their values as JSON, the last of each name; of
// another document none.
func (j *JSON) Fields() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, f := range j.top {
			if !yield(f.name, f.text) {
				return
			}
		}
	}
}

// jsonFields yields the fields of a valid object, or the elements of a list; of others nothing.
func jsonFields(text []byte) iter.Seq[jsonField] {
	return func(yield func(jsonField) bool) {
		if len(text) == 0 || text[0] != '{' && text[0] != '[' {
			return
		}
		list := json.NewDecoder(bytes.NewReader(text))
		_, _ = list.Token()
		var value json.RawMessage // its memory is used again for each
		for n := 0; list.More(); n++ {
			name := strconv.Itoa(n)
			if text[0] == '{' {
				key, _ := list.Token()
				name, _ = key.(string)
			}
			_ = list.Decode(&value)
			end := list.InputOffset()
			if !yield(jsonField{name, text[end-int64(len(value)) : end]}) {
				return
			}
		}
	}
}

// field returns a field of an object or list.
func (j *JSON) field(text []byte, name string) (found []byte) {
	fields := jsonFields(text)
	if len(text) == len(j.text) && j.top != nil {
		fields = func(yield func(jsonField) bool) {
			for _, f := range j.top {
				if !yield(f) {
					return
				}
			}
		}
	}
	for f := range fields {
		if f.name == name {
			found = f.text
		}
	}
	return found
}

// Lookup returns the field at a path; one that is null, or not there, is unknown. A string is
// without its quotes, an object or a list is JSON.
func (j *JSON) Lookup(path string) Value {
	text := j.text
	for name := range strings.SplitSeq(path, ".") {
		if text = j.field(text, name); text == nil {
			return Value{}
		}
	}
	return JSONValue(text)
}

// JSONValue is a valid JSON value as a field has it.
func JSONValue(text []byte) Value {
	switch text[0] {
	case 'n':
		return Value{}
	case '"':
		var s string
		_ = json.Unmarshal(text, &s)
		return Text(s)
	case '{', '[':
		var b bytes.Buffer
		_ = json.Compact(&b, text)
		return Text(b.String())
	}
	return Text(string(text))
}

const jsonVariable = "EV_JSON_"

// variable returns the field that a name of a variable stands for: $EV_JSON_HEAD_REF for head.ref.
// If it stands for several that is an error.
func (j *JSON) variable(name string) (Value, error) {
	found := j.named(j.text, strings.TrimPrefix(name, jsonVariable))
	if len(found) > 1 {
		return Value{}, fmt.Errorf("more than one field would be $%s", name)
	}
	if found == nil {
		return Value{}, nil
	}
	return JSONValue(found[0]), nil
}

// named returns the fields that a part of a variable's name may stand for.
func (j *JSON) named(text []byte, name string) (found [][]byte) {
	last := map[string][]byte{}
	var order []string
	for f := range jsonFields(text) {
		part := strings.TrimPrefix(Variable("json."+f.name), jsonVariable)
		if part == name || strings.HasPrefix(name, part+"_") {
			if last[f.name] == nil {
				order = append(order, f.name)
			}
			last[f.name] = f.text
		}
	}
	for _, field := range order {
		part := strings.TrimPrefix(Variable("json."+field), jsonVariable)
		if part == name {
			found = append(found, last[field])
			continue
		}
		found = append(found, j.named(last[field], name[len(part)+1:])...)
	}
	return found
}

// JSONList returns the elements of a valid list as text, nothing for null, and of anything else
// itself. Deep says that there are objects or lists among them.
func JSONList(text []byte) (list []string, deep bool) {
	switch text[0] {
	case 'n':
		return nil, false
	case '[':
		for item := range jsonFields(text) {
			deep = deep || item.text[0] == '{' || item.text[0] == '['
			list = append(list, JSONValue(item.text).String())
		}
		return list, deep
	}
	return []string{JSONValue(text).String()}, false
}
