import json
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.gateway import TwilioError
from calls.services.setup.doctor import examine
from calls.services.setup.findings import Finding, Verdict
from tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Check everything calls need at Twilio and at this site's public address, and say "
        "what is right, what is wrong, why that matters and what to do. Changes nothing without "
        "--apply. Ends with 0 only when nothing is wrong."
    )
    # Missing credentials are what it is asked about: it says more than the system check.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", help="slug; by default every active workspace")
        parser.add_argument("--apply", action="store_true", help="fix what it can")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        workspaces = list(Tenant.objects.filter(is_active=True).order_by("slug"))
        if slug := options["workspace"]:
            known = ", ".join(tenant.slug for tenant in workspaces) or "none"
            workspaces = [tenant for tenant in workspaces if tenant.slug == slug]
            if not workspaces:
                raise CommandError(f"There is no active workspace “{slug}”. Known: {known}.")
        is_quiet, done = options["json"], []
        if settings.TWILIO_SANDBOX_URL and not is_quiet:
            self.stdout.write(f"Asking the sandbox at {settings.TWILIO_SANDBOX_URL}, not Twilio.\n")
        findings = self._examine(workspaces, is_quiet)
        if options["apply"]:
            done = [_repaired(found.check, found.repair) for found in findings if found.repair]
            if not is_quiet:
                self.stdout.write("\n".join(["", *done]) if done else "\nNothing to repair.")
            if done:
                if not is_quiet:
                    self.stdout.write("\nLooking again:\n")
                findings = self._examine(workspaces, is_quiet)
        if is_quiet:
            self.stdout.write(json.dumps(_as_json(findings, done), indent=1))
        wrong = [finding for finding in findings if finding.verdict == Verdict.WRONG]
        if wrong:
            mendable = any(finding.repair for finding in wrong) and not options["apply"]
            advice = " Run it with --apply to fix what it can." if mendable else ""
            noun = "thing is" if len(wrong) == 1 else "things are"
            raise CommandError(f"{len(wrong)} {noun} wrong.{advice}")

    def _examine(self, workspaces: Sequence[Tenant], is_quiet: bool) -> list[Finding]:
        findings = []
        for finding in examine(workspaces):
            findings.append(finding)
            if not is_quiet:
                self.stdout.write(self._text(finding))
        return findings

    def _text(self, finding: Finding) -> str:
        style = {
            Verdict.RIGHT: self.style.SUCCESS,
            Verdict.WRONG: self.style.ERROR,
            Verdict.UNKNOWN: self.style.WARNING,
        }[finding.verdict]
        lines = [f"{style(f'{finding.verdict:<8}')}{finding.check}: {finding.says}"]
        lines += [f"{'':8}Why: {finding.why}"] if finding.why else []
        lines += [f"{'':8}Do: {finding.do}"] if finding.do else []
        return "\n".join(lines)


def _repaired(check: str, repair: Callable[[], str]) -> str:
    """Do the repair of what `check` found; what it did, or why it could not."""
    try:
        return f"{check}: {repair()}"
    except TwilioError as error:
        return f"{check}: could not be repaired ({type(error).__name__} {error})."


def _as_json(findings: Sequence[Finding], done: Sequence[str]) -> dict[str, Any]:
    return {
        "sandbox": bool(settings.TWILIO_SANDBOX_URL),
        "is_right": all(finding.verdict != Verdict.WRONG for finding in findings),
        "findings": [
            {
                "check": finding.check,
                "verdict": str(finding.verdict),
                "says": finding.says,
                "why": finding.why,
                "do": finding.do,
                "repairable": finding.repair is not None,
            }
            for finding in findings
        ],
        "repaired": list(done),
    }
