"""Words that fill free-text slots in generated sentences. Never used to understand: free text stays free."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FREE_TEXT"]

_GROCERIES = """
milk|eggs|bread|butter|cheese|coffee|tea|sugar|flour|rice|pasta|tomatoes|potatoes|onions|garlic|carrots|apples|bananas
oranges|lemons|limes|grapes|strawberries|blueberries|chicken|beef|pork|fish|salmon|tuna|bacon|sausages|ham|turkey
yogurt|cream|sour cream|ice cream|orange juice|apple juice|water|sparkling water|soda|beer|red wine|white wine|cereal
oatmeal|honey|peanut butter|jam|olive oil|vinegar|salt|pepper|ketchup|mustard|mayonnaise|soy sauce|chocolate|cookies
crackers|chips|nuts|almonds|spinach|lettuce|cucumbers|bell peppers|mushrooms|broccoli|cauliflower|zucchini|corn|beans
chickpeas|lentils|toilet paper|paper towels|dish soap|laundry detergent|shampoo|toothpaste|soap|batteries|light bulbs
trash bags|cat food|dog food|diapers|a birthday card|flowers|candles|foil|two liters of milk|a dozen eggs|six apples
a loaf of bread|whole wheat bread|skim milk|almond milk|brown sugar|three avocados|avocados|some cheese|more coffee
frozen peas|pizza|tortillas|salsa|ground beef|chicken breasts|half and half|baking powder|vanilla extract|cinnamon
milk and eggs|bread and butter|apples bananas and grapes|milk eggs and bread|salt and pepper|macaroni and cheese
""".replace("\n", "|").strip("|").split("|")  # fmt: skip

_TASKS = """
call mom|call the dentist|pay the rent|pay the electricity bill|walk the dog|water the plants|do the laundry
clean the kitchen|take out the trash|book a flight|renew my passport|send the invoice|email the landlord|fix the bike
buy a present for dad|pick up the kids|pick up the dry cleaning|return the library books|change the air filter
schedule a haircut|finish the report|write a thank you note|wash the car|vacuum the living room|mow the lawn
""".replace("\n", "|").strip("|").split("|")  # fmt: skip

_TIMER_NAMES = """
pasta|egg|eggs|pizza|laundry|oven|tea|rice|chicken|bread|cookies|cake|potatoes|nap|workout|break|study|homework|dryer
steak|roast|soup|sauce|meeting|yoga|parking|kitchen|dinner|vegetables|turkey|brownies|reading|shower|plank|dough
""".replace("\n", "|").strip("|").split("|")  # fmt: skip

FREE_TEXT: Mapping[str, tuple[str, ...]] = {
    "item": tuple(_GROCERIES + _GROCERIES + _TASKS),
    "name": tuple(_TIMER_NAMES),
}
"""Example values by slot name."""
