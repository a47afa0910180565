#!/usr/bin/env bash
# Goes to another version without dropping a request, and stays with the old one where the new one
# does not work.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/steps.sh

usage() {
  cat <<'USAGE'
sudo deploy/update.sh [--dry-run] [SOURCE]

SOURCE is a checkout's folder or a .tar.gz of one; where not given, the checkout of this script.
USAGE
}

read_options() {
  SOURCE=$PWD
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) DRY_RUN=yes ;;
      --help) usage && exit ;;
      -*) usage >&2 && fail "There is no option $1." ;;
      *) SOURCE=$(realpath -- "$(cd "$here" && realpath -- "$1")") ;;
    esac
    shift
  done
}

# unpack ARCHIVE: SOURCE is then the folder with the code.
unpack() {
  UNPACKED=$(mktemp --directory)
  tar --extract --file "$1" --directory "$UNPACKED" || fail "$1 cannot be unpacked."
  # GitHub's archives have one folder around all.
  SOURCE=$(dirname "$(find "$UNPACKED" -maxdepth 2 -name pyproject.toml -print -quit)")
}

main() {
  read_options "$@"
  check_machine
  is_installed_here || fail "Kantu is not installed here yet: sudo deploy/install.sh does that."
  only_once
  read_notes
  if [ -f "$SOURCE" ]; then unpack "$SOURCE"; fi
  replace_release "$SOURCE"
  step "Done"
  say "Kantu $RELEASE is at $(address)"
}

main "$@"
