#!/usr/bin/env bash
# Installs Kantu on a fresh Ubuntu 22.04, 24.04 or Debian 12. Run it again to repair or to change an
# option: what is right already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/steps.sh
source deploy/swap.sh

PACKAGES=(nginx python3-venv curl ca-certificates iproute2)
DEFAULT_SITE=/etc/nginx/sites-enabled/default
CHALLENGES=/var/lib/kantu-certbot
EMAIL=

usage() {
  cat <<'USAGE'
sudo deploy/install.sh [OPTION…]

  --domain NAME        the name that points to this server, for https; needs --email
  --email ADDRESS      where Let's Encrypt writes if the certificate is in danger
  --port NUMBER        the public port without a domain; 80 where not given
  --engine tensorflow  instead of litert: the same captions, much more memory
  --dry-run            print every step, do nothing
USAGE
}

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --domain | --email | --port | --engine)
        [ $# -gt 1 ] || fail "$1 needs a value."
        declare -g "$(tr '[:lower:]' '[:upper:]' <<<"${1#--}")=$2"
        shift
        ;;
      --dry-run) DRY_RUN=yes ;;
      --help) usage && exit ;;
      *) usage >&2 && fail "There is no option $1." ;;
    esac
    shift
  done
}

check_options() {
  { [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] && [ "$PORT" -le 65535 ]; } ||
    fail "--port must be a number from 1 to 65535."
  [[ -z $DOMAIN || $DOMAIN =~ ^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$ ]] ||
    fail "--domain must be a name such as photos.example.org, without http:// and slashes."
  [ -z "$DOMAIN" ] || [ "$PORT" -eq 80 ] ||
    fail "With a domain, the ports are 80 and 443: leave --port out."
  [ -z "$DOMAIN" ] || [ -n "$EMAIL" ] || has_certificate || fail "--domain needs --email ADDRESS too."
  [ "$ENGINE" = litert ] || [ "$ENGINE" = tensorflow ] || fail "--engine must be litert or tensorflow."
}

install_missing() {
  local package missing=()
  for package in "$@"; do
    dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null |
      grep --quiet "ok installed" || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || { say "All there already."; return; }
  remember MADE_PACKAGES "$MADE_PACKAGES ${missing[*]}"
  # A new server often installs its own updates first, and holds the lock for minutes.
  run apt-get -o DPkg::Lock::Timeout=600 --quiet=2 update || say "Trying with the old package lists."
  run env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 --quiet=2 \
    install --yes --no-install-recommends "${missing[@]}" ||
    fail "These packages could not be installed, see above: ${missing[*]}"
}

make_user() {
  step "User kantu, who may do nothing but run Kantu"
  if ! id kantu >/dev/null 2>&1; then
    remember MADE_USER yes
    run useradd --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin kantu
  fi
  # So that nginx may open the socket.
  run usermod --append --groups kantu www-data
}

make_settings() {
  step "Settings in $SETTINGS"
  if [ -e "$SETTINGS" ]; then
    say "They stay as they are."
  else
    write "$SETTINGS" 640 <deploy/kantu.env
  fi
  # It may hold a token, so only the service reads it.
  run chgrp kantu "$SETTINGS"
}

explain_engine() {
  [ "$ENGINE" = tensorflow ] || return 0
  step "TensorFlow"
  say "It takes 1 GB of memory where LiteRT takes 0.14 GB, and 2 GB for a moment in an update. On a" \
    "small server most of that is swap, so a photo takes seconds. It needs 3 GB of disk, too."
}

# nginx's own welcome page holds port 80.
remove_default_site() {
  if [ "$PORT" -eq 80 ] && [ -L "$DEFAULT_SITE" ]; then
    step "Taking nginx's welcome page away"
    remember REMOVED_DEFAULT_SITE "$(readlink "$DEFAULT_SITE")"
    run rm "$DEFAULT_SITE"
  fi
}

open_firewall() {
  local port ports=("$PORT")
  [ -z "$DOMAIN" ] || ports=(80 443)
  step "Firewall"
  if ufw status 2>/dev/null | grep --quiet "Status: active"; then
    for port in "${ports[@]}"; do
      ufw status | grep --quiet "^$port/tcp .*ALLOW" || {
        remember OPENED_PORTS "$OPENED_PORTS $port"
        run ufw allow "$port/tcp"
      }
    done
  else
    say "ufw is not active here, so there is nothing to open."
  fi
  say "If your provider's panel has a firewall (\"security group\"), let TCP ${ports[*]} in there." \
    "Leave 22 open: that is SSH."
}

make_certificate() {
  [ -n "$DOMAIN" ] || return 0
  step "Certificate for $DOMAIN, under Let's Encrypt's terms of service"
  install_missing certbot
  run mkdir -p "$CHALLENGES"
  run certbot certonly --webroot --webroot-path "$CHALLENGES" --domain "$DOMAIN" \
    ${EMAIL:+--email "$EMAIL"} --agree-tos --no-eff-email --non-interactive --keep-until-expiring \
    --deploy-hook "systemctl reload nginx" ||
    fail "No certificate. Until then Kantu answers at http://$DOMAIN. The usual reasons: the name does" \
      "not point to this server yet (your domain's DNS panel, record A), or the provider's firewall" \
      "keeps port 80 closed. Once that is mended, run the same command again."
  if ! { install_site && caption_publicly; }; then
    restore_site
    fail "https does not work, see above. Kantu answers at http://$DOMAIN as before."
  fi
  run rm -f "$SITE.before"
}

say_where() {
  step "Done"
  cat >&2 <<WHERE
Kantu is at $(address)

  settings   $SETTINGS, then sudo $HOME_FOLDER/current/deploy/update.sh
  log        sudo journalctl --identifier kantu
  state      systemctl status 'kantu@*'
  update     git pull, then sudo deploy/update.sh
  remove     sudo $HOME_FOLDER/current/deploy/uninstall.sh
WHERE
}

main() {
  read_notes
  read_options "$@"
  check_options
  check_machine
  only_once
  step "Packages"
  install_missing "${PACKAGES[@]}"
  make_user
  make_settings
  remember PORT "$PORT"
  remember DOMAIN "$DOMAIN"
  remember ENGINE "$ENGINE"
  explain_engine
  make_swap
  remove_default_site
  open_firewall
  replace_release "$PWD"
  make_certificate
  say_where
}

main "$@"
