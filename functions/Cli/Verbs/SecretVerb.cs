using System.CommandLine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>
/// <c>backup secret set NAME</c>: stores logins, or the private key for proofs, in Secrets Manager. They come from standard input only: arguments can be read by every
/// user of the machine, and a shell remembers them.
/// </summary>
public static class SecretVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var name = new Argument<string>("name") { Description = "Name or ARN of the secret, as the policy has it." };
        var previous = new Option<bool>("--previous") { Description = "One login, which becomes AWSPREVIOUS: mends a rotation that lost it." };
        var noCheck = new Option<bool>("--no-check") { Description = "Store without trying it first: where the database cannot be reached from here, or gpg is not installed." };
        var set = new Command("set", "Read a database login (and on a second line that of its _clone), or a private gpg key for drillKey, from standard input, try it, and store it.") { name, previous, noCheck };
        set.SetAction(async (parsed, cancel) =>
        {
            var text = await context.Terminal.Input.ReadToEndAsync(cancel);
            var secret = parsed.GetRequiredValue(name);
            var aws = new AwsCall(context.Machine, context.Clock);
            if (StoreDrillKey.IsKey(text)) return await KeyAsync(context, aws, secret, text, parsed.GetValue(previous), !parsed.GetValue(noCheck), cancel);
            var logins = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var users = await new StoreLogins(aws).ExecuteAsync(secret, logins, parsed.GetValue(previous), !parsed.GetValue(noCheck), cancel);
            context.Terminal.Line(parsed.GetValue(previous) ? $"stored {users[0]} as the previous login of {secret}"
                : users.Count == 2 ? $"stored {users[0]} as the current and {users[1]} as the previous login of {secret}"
                : $"stored {users[0]} as the login of {secret}; rotation needs a second one, {users[0]}_clone");
            return ErrorCode.Done;
        });
        return new Command("secret", "Database logins, and the private key for proofs, in Secrets Manager.") { set };
    }

    private static async Task<int> KeyAsync(VerbContext context, AwsCall aws, string secret, string key, bool previous, bool check, CancellationToken cancel)
    {
        if (previous) throw new BackupException(ErrorCode.UsageWrong, "--previous is for logins, and a gpg key was given", "Leave --previous out: keys do not take turns.");
        var fingerprint = await new StoreDrillKey(aws, context.Machine).ExecuteAsync(secret, key, check, cancel);
        context.Terminal.Line(fingerprint is null ? $"stored a gpg key as {secret}, untried" : $"stored the private key {fingerprint} as {secret}; its public key must be one of encryption.gpgRecipients");
        return ErrorCode.Done;
    }
}
