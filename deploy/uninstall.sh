#!/usr/bin/env bash
# Removes what install.sh made. It asks before it removes settings, certificate, swap and packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/steps.sh
source deploy/swap.sh

DEFAULT_SITE=/etc/nginx/sites-enabled/default
YES=

usage() {
  cat <<'USAGE'
sudo deploy/uninstall.sh [OPTION…]

  --yes      remove everything, ask nothing
  --dry-run  print every step, do nothing
USAGE
}

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --yes) YES=yes ;;
      --dry-run) DRY_RUN=yes ;;
      --help) usage && exit ;;
      *) usage >&2 && fail "There is no option $1." ;;
    esac
    shift
  done
}

# agrees QUESTION. Where nobody can answer, the answer is no.
agrees() {
  local answer
  [ -z "$YES$DRY_RUN" ] || return 0
  read -r -p "$1 [y/N] " answer </dev/tty 2>/dev/null || answer=no
  [[ $answer =~ ^[Yy] ]]
}

remove_service() {
  local unit
  step "The service"
  for unit in "$UNITS"/kantu@*.service; do
    [ -e "$unit" ] || continue
    unit=${unit##*/kantu@}
    remove_unit "${unit%.service}"
  done
}

remove_site() {
  step "The site"
  run rm -f "$ENABLED_SITE" "$SITE" "$SITE.before"
  if [ -n "$REMOVED_DEFAULT_SITE" ] && [ ! -e "$DEFAULT_SITE" ]; then
    run ln -s "$REMOVED_DEFAULT_SITE" "$DEFAULT_SITE"
  fi
  run systemctl reload nginx || true
}

close_firewall() {
  local port
  for port in $OPENED_PORTS; do
    step "The firewall's port $port"
    run ufw delete allow "$port/tcp" || true
  done
}

remove_certificate() {
  has_certificate && agrees "Remove the certificate of $DOMAIN?" || return 0
  step "The certificate"
  run certbot delete --non-interactive --cert-name "$DOMAIN" || true
}

remove_user() {
  [ -n "$MADE_USER" ] || return 0
  step "The user"
  run gpasswd --delete www-data kantu >/dev/null || true
  run userdel kantu || true
  if getent group kantu >/dev/null; then run groupdel kantu; fi
}

remove_made_swap() {
  [ -n "$MADE_SWAP" ] && agrees "Remove the swap file $SWAP?" || return 0
  step "The swap file"
  remove_swap
}

remove_packages() {
  local packages
  read -ra packages <<<"$MADE_PACKAGES"
  [ "${#packages[@]}" -gt 0 ] || return 0
  agrees "Remove the packages that came with Kantu (${packages[*]})? Not if other sites use them." ||
    return 0
  step "Packages"
  run env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 purge --yes --autoremove "${packages[@]}" ||
    say "They stay, see above."
}

main() {
  read_options "$@"
  check_machine
  [ -e "$HOME_FOLDER" ] || [ -e "$SETTINGS_FOLDER" ] || fail "Kantu is not installed here."
  only_once
  read_notes
  remove_service
  remove_site
  close_firewall
  remove_certificate
  remove_user
  remove_made_swap
  remove_packages
  step "The code"
  run rm -rf "$HOME_FOLDER" /run/kantu /var/lib/kantu-certbot
  if agrees "Remove the settings in $SETTINGS_FOLDER?"; then run rm -rf "$SETTINGS_FOLDER"; fi
  rm -f /run/lock/kantu
  step "Done"
  say "What Kantu wrote into the system's log goes when the log is rotated."
}

main "$@"
exit # this file may be gone by now
