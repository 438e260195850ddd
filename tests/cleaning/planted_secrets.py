"""Secrets and addresses for the tests of masking, made up here from the forms that the services document.

`«hex:32»` in a text stands for 32 random hexadecimal digits, `«=hunter2»` for just that. What stands between the
marks is the secret. They are put together only when a test runs, so that no scanner takes this file for a leak.
"""

import base64
import random
import re
import string

_ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digits": string.digits,
    "letters": string.ascii_letters,
    "lower": string.ascii_lowercase,
    "UPPER": string.ascii_uppercase + string.digits,
    "alnum": string.ascii_letters + string.digits,
    "base36": string.ascii_lowercase + string.digits,
    "base64": string.ascii_letters + string.digits + "+/",
    "url": string.ascii_letters + string.digits + "_-",
    "base32": string.ascii_uppercase + "234567",
    "marks": string.ascii_lowercase + string.digits + "!@#%^&*-_=+",
    "django": string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)",
}
_FIELD = re.compile("«(.*?)»")


def filled(template: str, seed: int = 0) -> tuple[str, list[str]]:
    """A text with its secrets in place, and the secrets."""
    draw = random.Random(f"{template}{seed}")
    secrets: list[str] = []

    def secret(field: re.Match[str]) -> str:
        secrets.append("".join(_part(part, draw) for part in field[1].split("|")))
        return secrets[-1]

    return _FIELD.sub(secret, template), secrets


def _part(part: str, draw: random.Random) -> str:
    if part.startswith("="):
        return part[1:]
    if part == "uuid":
        hexadecimal = "".join(draw.choices(_ALPHABETS["hex"], k=32))
        return (
            f"{hexadecimal[:8]}-{hexadecimal[8:12]}-4{hexadecimal[13:16]}-a{hexadecimal[17:20]}-{hexadecimal[20:]}"
        )
    if part.startswith("login:"):
        return base64.b64encode(part.removeprefix("login:").encode()).decode()
    alphabet, _, number = part.partition(":")
    while True:
        drawn = "".join(draw.choices(_ALPHABETS[alphabet], k=int(number)))
        kinds = any(map(str.isdigit, drawn)), any(map(str.islower, drawn)), any(map(str.isupper, drawn))
        if (
            alphabet in ("digits", "letters", "lower")
            or int(number) < 20
            or sum(kinds) >= min(3, 2 + (alphabet in ("alnum", "base64", "url")))
        ):
            return drawn


# Written beside the rules.
SECRETS = """
aws_access_key_id = «=AKIA|UPPER:16»
aws_secret_access_key = "«base64:40»"
aws_session_token = «=FwoGZXIvYXdzE|base64:300|===»
# AWS_SECRET_ACCESS_KEY=«base64:40»
clone https://x-access-token:«=ghs_|alnum:36»@github.com/a/b
the runner uses «=github_pat_|alnum:22|=_|alnum:59» for now
GITLAB_TOKEN: «=glpat-|url:20»
slack = WebClient("«=xoxb-|digits:12|=-|digits:12|=-|alnum:24»")
curl -X POST https://hooks.slack.com/services/«=T|UPPER:8|=/B|UPPER:8|=/|alnum:24»
stripe.api_key = "«=sk_live_|alnum:24»"
# test mode: «=sk_test_|alnum:24»
STRIPE_WEBHOOK_SECRET=«=whsec_|alnum:32»
client = Client(account, "«=SK|hex:32»")
TWILIO_AUTH_TOKEN = '«hex:32»'
sg = SendGridAPIClient('«=SG.|url:22|=.|url:43»')
mailgun: «=key-|hex:32»
MAILCHIMP_API_KEY = "«hex:32|=-us14»"
//registry.npmjs.org/:_authToken=«=npm_|alnum:36»
//npm.corp.test/:_authToken=«uuid»
_auth=«login:jane:blue-Harbour77»
password = «=pypi-AgEIcHlwaS5vcmc|url:120»
const key = "«=AIza|url:35»";
"private_key_id": "«hex:40»",
'private_key_id': '«hex:40»'
GOOGLE_CLIENT_SECRET=«=GOCSPX-|url:28»
the access token was «=ya29.|url:80»
AccountName=store;AccountKey=«base64:86|===»;EndpointSuffix=core.windows.net
AZURE_CLIENT_SECRET: «alnum:3|=8Q~|url:34»
https://a.blob.core.windows.net/c?sv=2022-11-02&sig=«alnum:40|=%3D»
DIGITALOCEAN_TOKEN=«=dop_v1_|hex:64»
heroku_api_key = "«uuid»"
# HEROKU_API_KEY=«uuid»
CLOUDFLARE_API_TOKEN=«url:40»
DD_API_KEY: «hex:32»
NEW_RELIC_LICENSE_KEY=«=NRAK-|UPPER:27»
SENTRY_DSN = "https://«hex:32»@o123.ingest.sentry.io/4507"
shopify: «=shpat_|hex:32»
square: «=sq0atp-|url:22»
gateway token «=access_token$production$|base36:16|=$|hex:32»
OPENAI_API_KEY="«=sk-proj-|url:48»"
anthropic.Client(api_key="«=sk-ant-api03-|url:93|=AA»")
HUGGING_FACE_HUB_TOKEN=«=hf_|letters:34»
replicate «=r8_|alnum:37»
# bot token: «digits:10|=:AA|url:33»
bot = Bot("«digits:9|=:|url:35»")
client.run("«=M|alnum:25|=.|alnum:6|=.|url:38»")
https://discord.com/api/webhooks/123456789012345678/«url:68»
linear: «=lin_api_|alnum:40»
NOTION_KEY=«=secret_|alnum:43»
airtable = '«=pat|alnum:14|=.|hex:64»'
asana: «=1/|digits:16|=:|hex:32»
jira -u jane: «=ATATT3xFfGF0|url:180»
DATABRICKS_TOKEN «=dapi|hex:32»
vault login «=hvs.|alnum:24»
doppler «=dp.pt.|alnum:43»
PULUMI_ACCESS_TOKEN=«=pul-|hex:40»
Authorization: Bearer «=eyJ|url:20|=.eyJ|url:40|=.|url:43»
Authorization: Basic «login:admin:Sommer2023»
curl -H "Authorization: Basic «login:svc_build:hunter2!x»" https://api.test
Authorization: Bearer «url:40»
Authorization: Token «hex:40»
X-Api-Key: «alnum:32»
curl -u admin:«=Wint3rr3ise» https://host.test/
curl --user jane:«=s!lverFox9» https://host.test/
mysql -u root -p«=Gr33nTea» shop
sshpass -p «=b0xcar77» ssh root@host
postgres://joe:«=s3cr3tw0rd»@db.test/main
DATABASE_URL=mysql://root:«=Pa$$w0rt!7»@10.0.0.2:3306/shop
redis://:«=qT7mmz4»@cache.test:6379/0
mongodb+srv://app:«alnum:16»@cluster0.abcde.mongodb.net/test
amqp://svc:«=rabbit#44x»@mq.test//
jdbc:sqlserver://db;user=sa;password=«=Str0ngOne!»;encrypt=true
jdbc:oracle:thin:scott/«=tig3rCat»@db.test:1521:orcl
Driver={ODBC};Server=db;Uid=app;Pwd=«=mangoTree42»;
machine api.test login jane password «=owl4nest»
db.test:5432:shop:jane:«=kettle88x»
# password: «=hunter2»
# the admin password is «=hunter2!»
password = «=tr0mbone»
DB_PASSWORD=«=hunter2»
db_pass: «=m0nkeyh0use»
The password for staging is «=Winter2024», do not share it.
Log in with user admin and password «=kiwi9bird».
login: admin / «=zebra77x»
credentials are root:«=n0tsoeasy»
PASSWORD: '«=Tr0ub4dor&3»'
$cfg['password'] = "«=gl4cier9»";
define('DB_PASSWORD', '«=p1neapple!»');
define('AUTH_KEY', '«marks:64»');
:password => '«=y3llow-sub»',
<add key="DbPassword" value="«=ch3rryPie»" />
<password>«=thund3rb1rd»</password>
SECRET_KEY = '«=django-insecure-|django:50»'
SECRET_KEY = "«django:50»"
secret_key_base: «hex:128»
APP_KEY=«=base64:|base64:43|==»
{"auths": {"https://index.docker.io/v1/": {"auth": "«login:jane:t0pfloor!»"}}}
client-key-data: «=LS0t|base64:200|==»
otpauth://totp/Shop:jane?secret=«base32:16»&issuer=Shop
totp_secret = "«base32:32»"
PHPSESSID=«base36:26»
Set-Cookie: sessionid=«base36:32»; HttpOnly
jane:«=$apr1$|alnum:8|=$|alnum:22»
root:«=$6$|alnum:16|=$|alnum:86»:19000:0:99999:7:::
hash = "«=$2b$12$|alnum:53»"
«=AGE-SECRET-KEY-1|UPPER:58»
PrivateKey = «base64:42|=A=»
deploy --token «alnum:32»
adduser --password «=dr4gonfly»
kubectl --token=«=eyJ|url:30|=.eyJ|url:60|=.|url:80»
npm login uses «=npm_|alnum:36» now
tskey: «=tskey-auth-|alnum:12|=-|alnum:32»
""".strip().split("\n")

ADDRESSES = """
Write to «=jane.doe+list@mail.firm.org».
mailto:«=jane_d@sub.uni-x.de»?subject=a
«=jane@praxis.versicherung»
«=curator@museum.photography» knows
reach «=sales@shop.co.uk», «=info@firma.com.br» or «=juan@tienda.com.py»
# «=müller@köln.example» wrote this
«=jörg@bücher.de»
«=ivan@почта.рф»
«=user@xn--80ak6aa92e.xn--p1ai»
postmaster: «=admin@[192.168.0.1]»
relay «=root@[IPv6:2001:db8::1]»
it is «="john doe"@firm.org»
«=jane [at] firm [dot] org»
«=jane(at)firm.de»
<«=jane@firm.technology»>
«=o'brien@firm.ie»
«=first.last@company.solutions»
«=a@b.travel», «=x_y%z@firm.consulting»
联系«=zhang@firma.cn»谢谢
«=ana@startup.construction»;
""".strip().split("\n")

# Written after the rules were frozen.
LATER = """
DISCORD_TOKEN = "«=N|alnum:23|=.|alnum:6|=.|url:27»"
# telegram: «digits:10|=:AA|url:33»
spaces key «=dop_v1_|hex:64» expires in May
HEROKU_API_TOKEN=«uuid»
    "private_key_id" : "«hex:40»" ,
SECRET_KEY = 'django-insecure-«django:50»'
headers = {"Authorization": "Basic «login:ops:grapefruit9»"}
export RESTIC_PASSWORD=«=walrus42»
the wifi password is «=sunfl0wer!»
mysql_pwd: «=turtle71»
smtp password «=m1ckeyf1nn» was rotated? No: password: "«=m1ckeyf1nn»"
conn = psycopg.connect("host=db user=app password=«=cobalt99»")
git remote add o https://oauth2:«=glpat-|url:20»@gitlab.test/a.git
// API key: «alnum:40»
const token = '«=ghp_|alnum:36»';
api.key=«alnum:32»
{"api_token": "«hex:40»"}
SLACK_BOT_TOKEN=«=xoxb-|digits:11|=-|digits:13|=-|alnum:24»
# sk: «=sk-ant-api03-|url:95»
vault: «=hvs.CAESI|url:90»
$password = '«=Fr4mboise»';
password => "«=p4ssion-fruit»",
<property name="password" value="«=l1ghth0use»"/>
spring.datasource.password=«=n3ptune88»
credentials: root / «=b4nanaboat»
ldap bind: cn=admin,dc=test -w x; LDAP_PASSWD='«=T1gerlily»'
docker login -u ci -p x; docker login --username ci --password «=f0xglove12»
wg: PresharedKey = «base64:43|==»
«=AGE-SECRET-KEY-1|UPPER:58» # age-keygen
-u deploy:«=sn0wdrop3»
totp: secret=«base32:32»
AWS_SECRET_KEY: «base64:40»
x-api-key: «alnum:40»
ftp://backup:«=c4rgo.ship»@files.test/
sftp://joe:«=w@ter-mel0n»@files.test/
jwt_secret: "«alnum:48»"
session_secret = "«url:40»"
The new passphrase is «=Kr4kat0a-1883».
login with user joe, password «=magn0lia7».
«=shpat_|hex:32»
contact «=erika@kanzlei.rechtsanwalt.example», «=t.m@agentur.photography»
«=pedro@correo.gob.mx»; «=ngozi@shop.com.ng»
«=наталья@пример.рф»
«=ops@[10.0.0.7]»
«=lee@회사.한국»
«=anna.k@verein.koeln»
«=j.r+tag@mail.bücher-laden.de»
""".strip().split("\n")

# Written after the faults that LATER showed were mended.
LAST = """
# prod db password -> «=g1raffe-9»
self.client = Heroku(key="«uuid»")  # heroku api key
heroku auth:token «=HRKU-|uuid»
DJANGO_SECRET_KEY="«django:50»"
os.environ["SECRET_KEY"] = "«marks:50»"
bot = telebot.TeleBot("«digits:10|=:AA|url:33»")
TELEGRAM_TOKEN=«digits:9|=:AAF|url:32»
client.login('«=M|alnum:23|=.|url:6|=.|alnum:38»');
-H 'Authorization: Basic «login:jane:pa55w0rd!»'
"Authorization": "Bearer «url:43»"
doctl auth init -t «=dop_v1_|hex:64»
# secret key (age): «=AGE-SECRET-KEY-1|UPPER:58»
pass: «=blu3whale»
pw = «=cactus2018»
root password on the box: «=d0lphin»
password "«=ember4242»"
PGPASSWORD=«=falc0nry» psql -h db
REDIS_URL=redis://default:«=g00seberry»@cache:6379
export GITHUB_TOKEN=«=ghp_|alnum:36»
gitlab-ci-token:«=glcbt-64_|url:20»
"type": "service_account", "private_key_id": "«hex:40»", "client_id": "1"
azure: client_secret = '«alnum:3|=8Q~|url:34»'
AWS: «=ASIA|UPPER:16»
openai.api_key = '«=sk-|alnum:20|=T3BlbkFJ|alnum:20»'
stripe «=rk_live_|alnum:24»
{"password":"«=h3dgehog»","user":"jane"}
user=jane;password=«=iguana55»;host=db
<connectionString>Server=db;Database=x;User Id=sa;Password=«=J@guar2020»;</connectionString>
smtp://mailer:«=k0alabear»@smtp.test:587
passphrase = "«=lem0n-Tree-73»"
$ vault token: «=hvs.|alnum:90»
mailgun_key = 'key-«hex:32»'
twilio: «=AC|hex:32» / auth_token «hex:32»
slack webhook https://hooks.slack.com/services/T0«UPPER:8|=/B|UPPER:9|=/|alnum:24»
npm config set //registry.npmjs.org/:_authToken «=npm_|alnum:36»
sentry: https://«hex:32»@sentry.test/7
mail «=grace@navy.consulting» or «=li@公司.cn», «=sam@co.xn--p1ai»
«=dev@[2001:db8::5]»
«=info@stadt.nrw», «=kontakt@praxis.wien», «=hi@brand.photography»
«=ana@uni.edu.pe», «=p@ministerio.gob.ar», «=x@site.org.au»
""".strip().split("\n")

# Written after those of LAST were mended.
FINAL = """
# TODO: rotate AWS key «=AKIA|UPPER:16» / «base64:40»
The bot's Telegram token is «digits:10|=:AAE|url:32», keep it safe.
Discord bot: «=OD|alnum:24|=.X|url:5|=.|alnum:38»
DigitalOcean personal access token: «=dop_v1_|hex:64»
Heroku API key: «uuid»
set HEROKU_API_KEY to «uuid» before you deploy
use Basic «login:service:gr8Expect» as the header
age private key «=AGE-SECRET-KEY-1|UPPER:58»
# old password: «=mango77»
password=«=bingo2020»
// pwd: «=r00tbeer»
passwd «=s4ndstorm»
"password": "«=qu1cksilver»"
* password: «=hunter7»
root at 10.0.0.1 is how we logged in; password «=toor123x»
the database password is "«=vanilla9»"
DB_PASS='«=pl4ywright»'
SECRET_KEY = "«=django-insecure-|django:50»"  # noqa
the SendGrid key is «=SG.|url:22|=.|url:43»
Mailgun «=key-|hex:32» works
Twilio token: «hex:32»
Square «=EAAA|url:60»
firebase AIza key «=AIza|url:35»
client_secret: «=GOCSPX-|url:28»
jwt «=eyJ|url:20|=.eyJ|url:40|=.|url:43»
slack «=xoxp-|digits:12|=-|digits:12|=-|digits:12|=-|hex:32»
Stripe secret «=sk_live_|alnum:24»
ghp token «=ghp_|alnum:36»
glpat «=glpat-|url:20»
pypi «=pypi-AgEIcHlwaS5vcmc|url:150»
npm «=npm_|alnum:36»
postgresql://admin:«=sw0rdfish»@db.internal:5432/prod
mongodb://root:«=ex4mplary»@mongo:27017
Azure: DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«base64:86|===»;EndpointSuffix=core.windows.net
"private_key_id": "«hex:40»"
new relic «=NRAK-|UPPER:27»
X-Shopify-Access-Token: «=shpat_|hex:32»
mail to «=jan@kowalski.com.pl», «=m.rossi@studio.legal», «=yuki@kaisha.co.jp»
«=paul@atelier.paris» and «=lars@firma.dk» and «=kim@hankuk.한국»
«=root@[127.0.0.1]» or «=postmaster@[192.0.2.7]»
«=ceo@startup.ventures», «=büro@müller-söhne.de», «=info@praxis.zuerich.ch»
""".strip().split("\n")
