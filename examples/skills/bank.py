"""Tells balances and moves money between accounts, of a bank that is made up.

Copy this file into your skills folder (`voicebox skills list` shows where that is). A Python skill runs with all that
the server may do: use only files that you trust.
"""

from voicebox.skills.own import Plan, Request, Skill, Slot

ACCOUNTS = {"checking": 1250.40, "savings": 8300.00, "credit card": -240.15}
FORMS = {
    "checking": ["current account", "checking account"],
    "savings": ["savings account", "saving"],
    "credit card": ["card", "visa"],
}

skill = Skill("bank", "tell your bank balance")
account = Slot.choice("account", FORMS)
amount = Slot.number("amount", required=True, ask="How much?", examples=["fifty", "100", "two hundred", "80"])
target = Slot.choice("target", FORMS, required=True, ask="To which account?")


@skill.intent(
    "balance",
    "tell your bank balance",
    examples=[
        "what's my [bank|account] balance",
        "how much (money is|is|do i have) in my {account} [account]",
        "(tell|give) me the balance of my {account}",
        "what is the balance on my {account}",
        "how much money do i have [in the bank]",
        "{account} balance",
        "check the balance of my {account}",
        "how much do i owe on my {account}",
        "what's left in my {account} [account]",
        "do i have any money left",
        "how rich am i",
    ],
    slots=[account],
    read_only=True,
)
def balance(request: Request) -> str:
    """Say one balance, or that of the checking account."""
    name = request.value("account", "checking")
    return f"There are {ACCOUNTS[name]:.2f} dollars in {name}."


@skill.intent(
    "recent",
    "read out the last payments",
    examples=[
        "what are my recent transactions",
        "what did i buy (last|recently)",
        "show [me] my last payments",
        "list the [recent|latest] transactions on my {account}",
        "what was charged to my {account}",
        "read me my [account] statement",
        "what was my last purchase",
        "how did i spend my money [this week|this month]",
    ],
    slots=[account],
    read_only=True,
)
def recent(request: Request) -> str:
    """Say the last payments."""
    return "The last payments are 12 dollars at the bakery and 40 dollars for gas."


@skill.intent(
    "transfer",
    "move money between accounts",
    examples=[
        "transfer {amount} dollars to [my] {target}",
        "move {amount} [dollars|bucks] from {account} to {target}",
        "(send|put) {amount} dollars (into|to) my {target} [account]",
        "transfer money to my {target}",
        "i want to transfer {amount} dollars",
        "pay {amount} dollars on my {target}",
        "make a transfer to {target}",
        "(can|could) you move {amount} dollars to {target}",
    ],
    slots=[amount, target, account],
)
def transfer(request: Request) -> Plan:
    """Move the money, once the turn is committed."""
    value, to = request.value("amount"), request.value("target")
    source = request.value("account", "savings" if to == "checking" else "checking")

    def commit() -> None:
        ACCOUNTS[source] -= value
        ACCOUNTS[to] += value

    return Plan(f"Okay, {value} dollars from {source} to {to}.", commit=commit, data={"amount": value, "to": to})
