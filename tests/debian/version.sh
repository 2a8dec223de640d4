# The version names the commit: in a clone, in a source archive, where it is given; and nowhere another one.
source tests/debian/lib.bash
rustc --edition 2024 bin/build.rs -o "$WORK/build"

# names SUFFIX FOLDER: what the program's version would have behind the number, built in the folder.
names() {
    local told
    told="$(cd "$2/bin" && "$WORK/build" | sed -n 's/^cargo:rustc-env=OP_STATUS_COMMIT_SUFFIX=//p')"
    [ "$told" = "$1" ] || fail "in $2 the version ends with '$told', not with '$1'"
}

# A repository of its own, as this may be a copy of the files alone.
git init --quiet "$WORK/clone"
cp -R bin .gitattributes "$WORK/clone"
names "" "$WORK/clone"
git -C "$WORK/clone" add .
git -C "$WORK/clone" -c user.name=test -c user.email=test@localhost commit --quiet --message test
commit="$(git -C "$WORK/clone" rev-parse HEAD)"
names "-${commit:0:8}" "$WORK/clone"
git clone --quiet --bare "$WORK/clone" "$WORK/bare.git"
git -C "$WORK/bare.git" worktree add --quiet "$WORK/worktree" HEAD
names "-${commit:0:8}" "$WORK/worktree"
mkdir "$WORK/archive"
git -C "$WORK/clone" archive HEAD | tar -x -C "$WORK/archive"
names "-${commit:0:8}" "$WORK/archive"
mkdir "$WORK/clone/inner"
cp -R bin "$WORK/clone/inner"
names "" "$WORK/clone/inner"
OP_STATUS_COMMIT=0123456789abcdef0123456789abcdef01234567 names -01234567 "$WORK/clone/inner"
