using System.CommandLine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>
/// <c>backup secret set NAME</c>: stores logins in Secrets Manager. They come from standard input only: arguments can be read by every user of the machine, and a
/// shell remembers them.
/// </summary>
public static class SecretVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var name = new Argument<string>("name") { Description = "Name or ARN of the secret, as the policy has it." };
        var previous = new Option<bool>("--previous") { Description = "One login, which becomes AWSPREVIOUS: mends a rotation that lost it." };
        var noCheck = new Option<bool>("--no-check") { Description = "Store without logging in first, for example where the database cannot be reached from here." };
        var set = new Command("set", "Read a database login (and on a second line that of its _clone) from standard input, try it, and store it.") { name, previous, noCheck };
        set.SetAction(async (parsed, cancel) =>
        {
            var logins = new List<string>();
            while (await context.Terminal.Input.ReadLineAsync(cancel) is { } line)
                if (line.Trim().Length > 0) logins.Add(line.Trim());
            var secret = parsed.GetRequiredValue(name);
            var users = await new StoreLogins(new AwsCall(context.Machine, context.Clock)).ExecuteAsync(secret, logins, parsed.GetValue(previous), !parsed.GetValue(noCheck), cancel);
            context.Terminal.Line(parsed.GetValue(previous) ? $"stored {users[0]} as the previous login of {secret}"
                : users.Count == 2 ? $"stored {users[0]} as the current and {users[1]} as the previous login of {secret}"
                : $"stored {users[0]} as the login of {secret}; rotation needs a second one, {users[0]}_clone");
            return ErrorCode.Done;
        });
        return new Command("secret", "Database logins in Secrets Manager.") { set };
    }
}
