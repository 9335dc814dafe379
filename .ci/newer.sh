# Sourced by what gets newer releases from Debian's own packages: downloaded and unpacked, never installed.
# Whoever has none tests on those of `make servers` alone: every failure is said in one line, and none is fatal.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# begin NAME: say what is missing and end, or find the mirror from which this machine gets its own packages.
begin() {
    name=$1
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "$name: apt-get or dpkg-deb is missing, nothing is fetched" >&2
        exit 0
    fi
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?' | head -n 1)
    if [ -z "$mirror" ]; then
        echo "$name: no mirror of Debian among the apt sources of this machine, nothing is fetched" >&2
        exit 0
    fi
}

# fetch SUITE PACKAGE...: the packages of one release into $folder/deb, once; false where there is nothing new.
fetch() {
    local suite=$1
    shift
    folder="$PWD/.servers/apt-$name-$suite"
    [ -e "$folder/done" ] && return 1
    mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" "$folder/deb"
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$folder/sources.list"
    # An index of our own: the system's sources and lists stay as they are.
    local apt=(-o "Dir::Etc::SourceList=$folder/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
        -o "Dir::State=$folder/state" -o "Dir::Cache=$folder/cache" -o "APT::Sandbox::User="
        -o "Dir::State::status=/dev/null" -o "Acquire::Retries=2" -o "Acquire::Languages=none")
    if ! apt-get "${apt[@]}" -qq update >"$folder/log" 2>&1 ||
        ! (cd "$folder/deb" && apt-get "${apt[@]}" -qq download "$@" >>"$folder/log" 2>&1); then
        echo "$name: those of $suite could not be fetched (see ${folder#"$PWD/"}/log)" >&2
        return 1
    fi
    rm -rf "$folder/state" "$folder/cache"
    touch "$folder/done"
}

# unpack DEB FOLDER: into FOLDER/<its version>/root; sets $version and $root.
unpack() {
    version=$(dpkg-deb -f "$1" Version | sed 's/^[0-9]*://; s/[+-].*//')
    root=".servers/$2/$version"
    mkdir -p "$root/bin"
    dpkg-deb -x "$1" "$root/root"
}
