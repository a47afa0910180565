# shellcheck shell=bash
# What install.sh, update.sh and uninstall.sh share. To be sourced from the root of a checkout.

PATH=$PATH:/usr/sbin:/sbin # which "su" leaves out
source script/setup        # say, fail, find_python
exec 3>&2                  # what --dry-run says, even where a command's own errors are thrown away

HOME_FOLDER=/opt/kantu
SETTINGS_FOLDER=/etc/kantu
SETTINGS=$SETTINGS_FOLDER/kantu.env
# What install.sh was asked for, and what it made: update.sh and uninstall.sh read it.
NOTES=$SETTINGS_FOLDER/install.notes
UNITS=/etc/systemd/system
SITE=/etc/nginx/sites-available/kantu
ENABLED_SITE=/etc/nginx/sites-enabled/kantu
RELEASE_FILES=(app deploy model_assets script static templates wsgi.py
  requirements.txt requirements-serve.txt requirements-heic.txt pyproject.toml LICENSE)
READY_SECONDS=120 # TensorFlow on a slow disk takes its time
MiB=1048576

DRY_RUN=
# What the notes may say otherwise.
# shellcheck disable=SC2034 # some are for one of the scripts only
{
  PORT=80 DOMAIN='' ENGINE=litert
  MADE_PACKAGES='' MADE_USER='' MADE_SWAP='' OPENED_PORTS='' REMOVED_DEFAULT_SITE=''
}

step() { printf '\n== %s\n' "$*" >&2; }

# run COMMAND…: does it, or with --dry-run says what would be done.
run() {
  if [ -n "$DRY_RUN" ]; then
    printf '   $%s\n' "$(printf ' %q' "$@")" >&3
  else
    "$@"
  fi
}

# write PATH MODE: a file from standard input, all at once.
write() {
  if [ -n "$DRY_RUN" ]; then
    say "   write $1:"
    sed 's/^/   | /' >&3
  else
    mkdir -p "$(dirname "$1")"
    install -m "$2" /dev/stdin "$1.new"
    mv "$1.new" "$1"
  fi
}

# remember NAME VALUE: sets the variable, here and in every later run.
remember() {
  declare -g "$1=$2"
  [ -n "$DRY_RUN" ] || {
    grep --invert-match "^$1=" "$NOTES" 2>/dev/null || true
    printf '%s=%q\n' "$1" "$2"
  } | write "$NOTES" 600
}

read_notes() {
  # shellcheck source=/dev/null
  if [ -r "$NOTES" ]; then source "$NOTES"; fi
}

is_installed_here() { [ -e "$HOME_FOLDER/current" ]; }

check_machine() {
  [ "$(id -u)" -eq 0 ] || [ -n "$DRY_RUN" ] || fail "This changes the system. Run it as root: sudo $0"
  command -v apt-get >/dev/null ||
    fail "This script is for Ubuntu and Debian: it needs apt-get. Elsewhere, see the Dockerfile."
  [ -d /run/systemd/system ] || [ -n "$DRY_RUN" ] ||
    fail "systemd does not run here, so nothing would start Kantu. In a container, use the Dockerfile."
}

# Two at once would tread on each other.
only_once() {
  [ -z "$DRY_RUN" ] || return 0
  exec 9>/run/lock/kantu
  flock --nonblock 9 || fail "Another install.sh, update.sh or uninstall.sh is at work. Wait for it."
}

# setting NAME DEFAULT: what the settings file says.
setting() {
  local value
  value=$(sed -n "s/^$1=//p" "$SETTINGS" 2>/dev/null | tail -n 1 | tr -d "\"'")
  printf '%s\n' "${value:-$2}"
}

# Where visitors find the page.
address() {
  local host
  if [ -n "$DOMAIN" ]; then
    printf 'http%s://%s\n' "$(has_certificate && printf s)" "$DOMAIN"
    return
  fi
  # The address that this machine would send from: no packet leaves it.
  host=$(ip -4 route get 1.1.1.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  printf 'http://%s%s\n' "${host:-localhost}" "$([ "$PORT" -eq 80 ] || printf ':%s' "$PORT")"
}

# --- Releases: /opt/kantu/releases/NAME, one unit kantu@NAME each ---

# make_release SOURCE: code and its virtual environment, in a folder of its own. Sets RELEASE.
make_release() {
  local version folder
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$1/pyproject.toml" 2>/dev/null || true)
  [ -n "$version" ] || fail "$1 is no checkout of Kantu: it has no pyproject.toml with a version."
  RELEASE=$version-$(date +%Y%m%d-%H%M%S)
  folder=$HOME_FOLDER/releases/$RELEASE
  step "Copying Kantu $version to $folder"
  run mkdir -p "$folder"
  if [ -n "$DRY_RUN" ]; then
    run cp -r "${RELEASE_FILES[@]/#/$1/}" "$folder"
  else
    # LiteRT does without TensorFlow's graphs, half of a model's size.
    local left_out=(--exclude __pycache__)
    [ "$ENGINE" = tensorflow ] || left_out+=(--exclude frozen_graph.pb)
    local model models
    models=,$(setting KANTU_MODELS kantu-2),
    for model in "$1"/model_assets/*/; do
      model=$(basename "$model")
      [[ ${models// /} == *,$model,* ]] || left_out+=(--exclude "model_assets/$model")
    done
    tar --create --directory "$1" "${left_out[@]}" "${RELEASE_FILES[@]}" |
      tar --extract --no-same-owner --directory "$folder"
  fi
  run chmod -R u=rwX,go=rX "$folder"
  run ln -s "/run/kantu/$RELEASE" "$folder/run"
  make_venv_for "$folder" "$1"
}

# Releases with the same requirements share a virtual environment.
make_venv_for() {
  local folder=$1 source=$2 python file=requirements-serve.txt venv
  [ "$ENGINE" != tensorflow ] || file=requirements.txt
  local files=("$file")
  [[ $(setting KANTU_FORMATS "") != *heic* ]] || files+=(requirements-heic.txt)
  python=$(find_python 'import ensurepip, venv') || python=
  [ -n "$python" ] || [ -n "$DRY_RUN" ] ||
    fail "Kantu needs Python 3.10 to 3.13 with its venv module, and this machine has none."
  python=${python:-python3}
  venv=$HOME_FOLDER/venvs/$(fingerprint "$python" "$source" "${files[@]}")
  if [ ! -e "$venv/complete" ]; then
    step "Installing the Python packages of ${files[*]} (this takes minutes)"
    run "$python" -m venv --clear "$venv"
    run "$venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --quiet \
      "${files[@]/#/--requirement=$source/}" ||
      fail "The packages could not be installed, see above. Once that is mended, run $0 again." \
        "(Too little disk or memory? 'df -h' and 'free -m' tell.)"
    # 30 MB that nothing needs any more: other requirements get another environment.
    run "$venv/bin/python" -m pip uninstall --quiet --yes setuptools pip
    run touch "$venv/complete"
  fi
  run ln -s "$venv" "$folder/.venv"
  # Here, for the service itself may write nothing.
  run "$venv/bin/python" -m compileall -q "$folder/app" "$folder/wsgi.py" ||
    say "Some of this version's code is broken, see above."
}

fingerprint() {
  { "$1" --version; cat "$2"/requirements*.txt; echo "${@:3}"; } | sha256sum | head --bytes 12
}

# start_release NAME: true once it answers and has captioned a photo.
start_release() {
  local socket=/run/kantu/$1/http
  step "Starting $1"
  run cp "$HOME_FOLDER/releases/$1/deploy/kantu@.service" "$UNITS/kantu@$1.service" &&
    run systemctl daemon-reload &&
    run systemctl start "kantu@$1" &&
    wait_until_ready "$1" "$socket" &&
    caption_photo --unix-socket "$socket" http://localhost
}

wait_until_ready() {
  local end=$((SECONDS + READY_SECONDS))
  [ -z "$DRY_RUN" ] || { say "   wait for /readyz"; return; }
  until curl --silent --fail --max-time 5 --unix-socket "$2" http://localhost/readyz >/dev/null; do
    systemctl is-active --quiet "kantu@$1" || return 1
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# caption_photo [CURL OPTION…] ADDRESS: sends a small picture and prints what Kantu says of it.
caption_photo() {
  local token said photo
  [ -z "$DRY_RUN" ] || { say "   caption a photo with curl $*/api/v1/captions"; return; }
  photo=$(mktemp --suffix .jpg)
  draw_photo >"$photo"
  token=$(setting KANTU_TOKEN "")
  # The token by standard input: a command line is seen by every user.
  said=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --silent --show-error --fail-with-body --max-time 120 --config - \
      --form "photo=@$photo" "${@:1:$#-1}" "${!#}/api/v1/captions") || {
    say "No caption came. ${said:-}"
    rm "$photo"
    return 1
  }
  rm "$photo"
  say "Kantu says of a test picture:" \
    "$(sed -n 's/.*"text": *"\([^"]*\)".*/\1/p' <<<"${said//,/$'\n'}" | head -n 1)"
}

# A meadow under a blue sky.
draw_photo() {
  "$HOME_FOLDER/releases/$RELEASE/.venv/bin/python" - <<'PYTHON'
import sys
from PIL import Image
photo = Image.new("RGB", (400, 300), (120, 180, 250))
photo.paste((60, 140, 40), (0, 180, 400, 300))
photo.save(sys.stdout.buffer, "JPEG")
PYTHON
}

current_release() { basename "$(readlink "$HOME_FOLDER/current" 2>/dev/null || true)"; }

# switch_to NAME: from now on, new requests go there, and it is what starts with the machine.
switch_to() {
  local before
  before=$(current_release)
  run ln -sfn "releases/$1" "$HOME_FOLDER/current.new"
  run mv -T "$HOME_FOLDER/current.new" "$HOME_FOLDER/current" # one step: never without
  run systemctl --quiet enable "kantu@$1"
  if [ -n "$before" ] && [ "$before" != "$1" ]; then run systemctl --quiet disable "kantu@$before"; fi
}

# remove_unit NAME: what it has begun it finishes first.
remove_unit() {
  run systemctl stop "kantu@$1" || true
  run systemctl --quiet disable "kantu@$1" || true
  run systemctl reset-failed "kantu@$1" 2>/dev/null || true
  run rm -f "$UNITS/kantu@$1.service"
  run systemctl daemon-reload
}

# The release before stays on the disk, so that its own update.sh can bring it back.
remove_old_releases() {
  local keep=$1 before=$2 folder
  for folder in "$HOME_FOLDER"/releases/*; do
    case ${folder##*/} in "$keep" | "$before" | '*') ;; *) run rm -rf "$folder" ;; esac
  done
  for folder in "$HOME_FOLDER"/venvs/*; do
    [ ! -d "$folder" ] || is_used "$folder" || run rm -rf "$folder"
  done
}

is_used() {
  local link
  for link in "$HOME_FOLDER"/releases/*/.venv; do
    [ "$(readlink "$link")" != "$1" ] || return 0
  done
  return 1
}

# Where a new release is not good, or the script is interrupted: away with it.
clean_up() {
  rm -rf "${UNPACKED:-}"
  if [ -z "${RELEASE:-}" ] || [ "$(current_release)" = "$RELEASE" ] || [ -n "$DRY_RUN" ]; then
    return
  fi
  remove_unit "$RELEASE"
  rm -rf "${HOME_FOLDER:?}/releases/$RELEASE"
}

# replace_release SOURCE: the new one is started beside the old one, tried, and only then switched to;
# the old one ends what it has begun.
replace_release() {
  local before
  before=$(current_release)
  trap clean_up EXIT
  make_release "$1"
  if ! start_release "$RELEASE"; then
    step "This is what the new version wrote"
    journalctl --quiet --no-pager --output cat --lines 20 --unit "kantu@$RELEASE" >&2 || true
    fail "" $'\n'"The new version does not work here, so it was removed." \
      "${before:+Kantu goes on as before, with $before.}"
  fi
  step "Switching to $RELEASE"
  switch_to "$RELEASE"
  if ! { install_site && caption_publicly; }; then
    restore_site
    [ -z "$before" ] || switch_to "$before"
    fail "Through nginx the new version does not answer. ${before:+Kantu goes on with $before.}" \
      "'systemctl status nginx' may say why."
  fi
  if [ -n "$before" ]; then
    step "Stopping $before, once it has finished what it began"
    run sleep 2 # for connections that nginx has just made
    remove_unit "$before"
  fi
  remove_old_releases "$RELEASE" "$before"
  run rm -f "$SITE.before"
}

# --- nginx ---

has_certificate() { [ -n "$DOMAIN" ] && [ -e "/etc/letsencrypt/live/$DOMAIN/fullchain.pem" ]; }

# Through the public port. Right after a reload, nginx's old process may answer once more.
caption_publicly() {
  caption_through_nginx || { sleep 2 && caption_through_nginx; }
}

# Under its own name, wherever the name points to as yet.
caption_through_nginx() {
  if has_certificate; then
    caption_photo --resolve "$DOMAIN:443:127.0.0.1" "https://$DOMAIN"
  elif [ -n "$DOMAIN" ]; then
    caption_photo --resolve "$DOMAIN:80:127.0.0.1" "http://$DOMAIN"
  else
    caption_photo "http://127.0.0.1:$PORT"
  fi
}

# Twice the largest request that Kantu takes, see app/web/uploads.py.
body_limit() {
  local one together
  one=$(setting KANTU_MAX_BYTES $((10 * MiB)))
  together=$((one * $(setting KANTU_MAX_PHOTOS 8)))
  if [ "$together" -gt $((32 * MiB)) ]; then together=$((32 * MiB)); fi
  if [ "$together" -lt "$one" ]; then together=$one; fi
  printf '%s\n' $((2 * together))
}

# listen PORT [WORDS]: for IPv4, and for IPv6 where the machine has it.
listen() {
  local port=$1 words=${2:-}
  printf 'listen %s%s;' "$port" "$words"
  if [ -e /proc/net/if_inet6 ]; then printf '\n    listen [::]:%s%s;' "$port" "$words"; fi
}

# Where KANTU_METRICS_PORT is set. Kantu itself has no network to listen on.
metrics_server() {
  local port
  port=$(setting KANTU_METRICS_PORT off)
  if [[ $port =~ ^[0-9]+$ ]]; then
    printf '\nserver {
    listen 127.0.0.1:%s;
    access_log off;

    location = /metrics {
        proxy_pass http://unix:%s/current/run/metrics;
    }

    location / {
        return 404;
    }
}' "$port" "$HOME_FOLDER"
  fi
}

# render_site TEMPLATE: the site on standard output.
render_site() {
  local site listen redirect="" name=${DOMAIN:-_}
  if has_certificate; then
    listen="$(listen 443 " ssl http2")
    ssl_certificate /etc/letsencrypt/live/$DOMAIN/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/$DOMAIN/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:kantu_tls:1m;"
    redirect="server {
    $(listen 80)
    server_name $DOMAIN;
    access_log off;

    location / {
        return 301 https://$DOMAIN\$request_uri;
    }

    location ^~ /.well-known/acme-challenge/ {
        root /var/lib/kantu-certbot;
    }
}
"
  else
    # Without a name, Kantu answers to the bare address.
    listen=$(listen "$PORT" "$([ -n "$DOMAIN" ] || printf ' default_server')")
  fi
  site=$(<"$1")
  site=${site//@REDIRECT@/"$redirect"}
  site=${site//@LISTEN@/"$listen"}
  site=${site//@NAME@/"$name"}
  site=${site//@BODY@/"$(body_limit)"}
  site=${site//@METRICS@/"$(metrics_server)"}
  printf '%s\n' "$site"
}

# The site before is kept beside it, for restore_site.
install_site() {
  local template=$HOME_FOLDER/releases/$RELEASE/deploy/nginx-site.conf
  [ -z "$DRY_RUN" ] || template=deploy/nginx-site.conf
  if [ -e "$SITE" ]; then run cp "$SITE" "$SITE.before"; fi
  render_site "$template" | write "$SITE" 644 &&
    run ln -sfn "$SITE" "$ENABLED_SITE" &&
    run nginx -t -q &&
    run systemctl reload-or-restart nginx
}

restore_site() {
  if [ -e "$SITE.before" ]; then
    run mv "$SITE.before" "$SITE"
    run systemctl reload-or-restart nginx || true
  else
    run rm -f "$ENABLED_SITE" "$SITE"
  fi
}
