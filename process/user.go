package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// A User is who a process runs as, with all of that user's groups.
type User struct {
	Name, Home string

	credential *syscall.Credential // nil: it is who ev runs as
}

// LookupUser finds a user by name. Only root may run processes as somebody else.
func LookupUser(name string) (*User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no user %s on this machine", name)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s has the number %s, which is none", name, u.Uid)
	}
	found := &User{Name: u.Username, Home: u.HomeDir}
	switch me := os.Geteuid(); {
	case me == int(uid):
		return found, nil
	case me != 0:
		return nil, fmt.Errorf("only root runs commands as another user: have %s start an ev of their own, or start this one as root", name)
	}
	found.credential, err = credential(u, uint32(uid))
	return found, err
}

func credential(u *user.User, uid uint32) (*syscall.Credential, error) {
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the group of user %s has the number %s, which is none", u.Username, u.Gid)
	}
	c := &syscall.Credential{Uid: uid, Gid: uint32(gid)}
	groups, err := u.GroupIds()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an image may have no /etc/group
		return nil, err
	}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	return c, nil
}

// Environ is what a process is told of its user.
func (u *User) Environ() []string {
	if u == nil {
		return nil
	}
	return []string{"HOME=" + u.Home, "LOGNAME=" + u.Name, "USER=" + u.Name}
}

// Own gives files to the user.
func (u *User) Own(names ...string) error {
	if u == nil || u.credential == nil {
		return nil
	}
	for _, name := range names {
		if err := os.Lchown(name, int(u.credential.Uid), int(u.credential.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// explain says what an error of fork(2) or execve(2) means, as the function does, where it may come of
// who u is: neither file nor dir is shut for ev itself.
func (u *User) explain(file, dir string, err error) error {
	switch {
	case u == nil || u.credential == nil:
	case errors.Is(err, syscall.EPERM):
		return Errorf(StatusFailed, "%s: can't run as user %s: %v", file, u.Name, err)
	case errors.Is(err, syscall.EACCES) && dir != "":
		return Errorf(StatusNotExecutable, "%s: user %s may not execute it, or not enter %s", file, u.Name, dir)
	case errors.Is(err, syscall.EACCES):
		return Errorf(StatusNotExecutable, "%s: user %s may not execute it", file, u.Name)
	}
	return explain(file, err)
}
